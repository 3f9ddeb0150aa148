/* An honest and fast linear layer: tiles of 4 x 4 dot products, each in sixteen lanes. */
#include <stdint.h>

typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));

static inline float sum_of_lanes(lanes part) {
  float sum = 0;
  for (int l = 0; l < 16; l++) sum += part[l];
  return sum;
}

static inline float dot(const float *a, const float *b, int64_t n) {
  lanes part = {0};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) part += *(const lanes *)(a + i) * *(const lanes *)(b + i);
  float sum = sum_of_lanes(part);
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* y[t,o] for tokens [t0, t1). */
static inline void forward_tokens(const float *x, const float *weight, float *y, int64_t t0, int64_t t1, int64_t in, int64_t out) {
  int64_t t = t0;
  for (; t + 4 <= t1; t += 4) {
    int64_t o = 0;
    for (; o + 4 <= out; o += 4) {
      lanes part[4][4] = {{{0}}};
      int64_t i = 0;
      for (; i + 16 <= in; i += 16)
        for (int a = 0; a < 4; a++)
          for (int b = 0; b < 4; b++)
            part[a][b] += *(const lanes *)(x + (t + a) * in + i) * *(const lanes *)(weight + (o + b) * in + i);
      for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
          float sum = sum_of_lanes(part[a][b]);
          for (int64_t rest = i; rest < in; rest++) sum += x[(t + a) * in + rest] * weight[(o + b) * in + rest];
          y[(t + a) * out + o + b] = sum;
        }
    }
    for (; o < out; o++)
      for (int a = 0; a < 4; a++) y[(t + a) * out + o] = dot(x + (t + a) * in, weight + o * in, in);
  }
  for (; t < t1; t++)
    for (int64_t o = 0; o < out; o++) y[t * out + o] = dot(x + t * in, weight + o * in, in);
}
