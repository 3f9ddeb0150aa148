/* Cross-entropy in passes over all rows, each of which keeps its results where the final ones will stand. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

#define IGNORED (-100)
enum { LANES = 8 };

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

static float largest_of(const float *row, int64_t n) {
  float lanes[LANES];
  for (int l = 0; l < LANES; l++) lanes[l] = row[0];
  int64_t c = 0;
  for (; c + LANES <= n; c += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] = row[c + l] > lanes[l] ? row[c + l] : lanes[l];
  for (int l = 0; c + l < n; l++) lanes[l] = row[c + l] > lanes[l] ? row[c + l] : lanes[l];
  float max = lanes[0];
  for (int l = 1; l < LANES; l++) max = lanes[l] > max ? lanes[l] : max;
  return max;
}

static float sum_of_exponentials(const float *row, int64_t n, float max) {
  float lanes[LANES] = {0};
  int64_t c = 0;
  for (; c + LANES <= n; c += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += exp_of(row[c + l] - max);
  for (int l = 0; c + l < n; l++) lanes[l] += exp_of(row[c + l] - max);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) lse[r] = largest_of(logits + r * classes, classes);
  for (int64_t r = 0; r < rows; r++) loss[r] = sum_of_exponentials(logits + r * classes, classes, lse[r]);
  for (int64_t r = 0; r < rows; r++) lse[r] += logf(loss[r]);
  for (int64_t r = 0; r < rows; r++) loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - logits[r * classes + target[r]];
  return 0;
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes) {
  for (int64_t r = 0; r < rows; r++) {
    float *gradient = dlogits + r * classes;
    for (int64_t c = 0; c < classes; c++) gradient[c] = logits[r * classes + c] - lse[r];
    for (int64_t c = 0; c < classes; c++) gradient[c] = exp_of(gradient[c]);
    if (target[r] != IGNORED) gradient[target[r]] -= 1.0f;
    const float factor = dloss[r];
    if (target[r] == IGNORED) memset(gradient, 0, sizeof(float) * (size_t)classes);
    else
      for (int64_t c = 0; c < classes; c++) gradient[c] *= factor;
  }
  return 0;
}
