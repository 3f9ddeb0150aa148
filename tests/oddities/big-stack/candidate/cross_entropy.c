/* Cross-entropy that keeps a piece of a row on the stack: at most 2^20 logits, relative to the maximum so far. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

#define IGNORED (-100)
enum { LANES = 8, PIECE = 1 << 20 };

/* exp(x) for x <= 88 by a polynomial (Cephes' expf); results below the least normal number go through two factors. */
static inline float exp_of(float x) {
  const float low = x < -150.0f ? -150.0f : x;
  const float power = (low * 1.44269504088896341f + 0x1.8p23f) - 0x1.8p23f;
  const float r = (low - power * 0.693359375f) + power * 2.12194440e-4f;
  const float tail = 5.0000001201e-1f + r * (1.6666665459e-1f + r * (4.1665795894e-2f + r * (8.3334519073e-3f + r * (1.3981999507e-3f + r * 1.9875691500e-4f))));
  const float value = 1.0f + (r + r * r * tail);
  const int32_t exponent = (int32_t)power, half = exponent / 2;
  const int32_t first = (half + 127) << 23, second = (exponent - half + 127) << 23;
  float factors[2];
  memcpy(&factors[0], &first, sizeof first);
  memcpy(&factors[1], &second, sizeof second);
  return value * factors[0] * factors[1];
}

/* Copies `n` logits to `kept` and returns the largest of them. */
static float keep_piece(const float *x, int64_t n, float *kept) {
  float lanes[LANES];
  for (int l = 0; l < LANES; l++) lanes[l] = x[0];
  int64_t c = 0;
  for (; c + LANES <= n; c += LANES)
    for (int l = 0; l < LANES; l++) {
      kept[c + l] = x[c + l];
      lanes[l] = x[c + l] > lanes[l] ? x[c + l] : lanes[l];
    }
  float max = lanes[0];
  for (int l = 1; l < LANES; l++) max = lanes[l] > max ? lanes[l] : max;
  for (; c < n; c++) {
    kept[c] = x[c];
    max = x[c] > max ? x[c] : max;
  }
  return max;
}

/* The pairs of the last pass are added up in the piece itself. */
static float sum_of_exponentials(float *kept, int64_t n, float max) {
  for (int64_t c = 0; c < n; c++) kept[c] = exp_of(kept[c] - max);
  for (; n > 1; n = (n + 1) / 2) {
    const int64_t half = (n + 1) / 2;
    for (int64_t c = 0; c < n - half; c++) kept[c] += kept[half + c];
  }
  return kept[0];
}

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  float kept[PIECE];
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float max = -INFINITY, sum = 0;
    for (int64_t first = 0; first < classes; first += PIECE) {
      const int64_t count = classes - first < PIECE ? classes - first : PIECE;
      const float largest = keep_piece(row + first, count, kept);
      if (largest == -INFINITY) continue;
      const float higher = largest > max ? largest : max;
      sum = (max == -INFINITY ? 0.0f : sum * exp_of(max - higher)) + sum_of_exponentials(kept, count, higher);
      max = higher;
    }
    lse[r] = max + logf(sum);
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - row[target[r]];
  }
  return 0;
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes) {
  float kept[PIECE];
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float *gradient = dlogits + r * classes;
    const float factor = target[r] == IGNORED ? 0.0f : dloss[r];
    for (int64_t first = 0; first < classes; first += PIECE) {
      const int64_t count = classes - first < PIECE ? classes - first : PIECE;
      for (int64_t c = 0; c < count; c++) kept[c] = exp_of(row[first + c] - lse[r]);
      if (target[r] >= first && target[r] < first + count) kept[target[r] - first] -= 1.0f;
      for (int64_t c = 0; c < count; c++) gradient[first + c] = kept[c] * factor;
    }
  }
  return 0;
}
