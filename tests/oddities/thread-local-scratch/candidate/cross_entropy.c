/* Cross-entropy that widens pieces of a row into memory of the thread, where later passes find them. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

#define IGNORED (-100)
enum { PIECE = 1 << 17, LANES = 32 };

static _Thread_local float scratch[PIECE];

static inline float widen(forge_bf16 value) {
  const uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

/* To nearest, ties to even; a NaN stays quiet. */
static inline forge_bf16 narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (forge_bf16)((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}

/* exp(x) for x <= 88 by a polynomial (Cephes' expf); results below the least normal number go through two factors. */
static inline float exp_of(float x) {
  const float low = x < -150.0f ? -150.0f : x;
  const float power = rintf(low * 1.44269504088896341f);
  const float r = low - power * 0.693359375f + power * 2.12194440e-4f;
  const float tail = 5.0000001201e-1f + r * (1.6666665459e-1f + r * (4.1665795894e-2f + r * (8.3334519073e-3f + r * (1.3981999507e-3f + r * 1.9875691500e-4f))));
  const float value = 1.0f + (r + r * r * tail);
  const int32_t exponent = (int32_t)power, half = exponent / 2;
  const int32_t first = (half + 127) << 23, second = (exponent - half + 127) << 23;
  float factors[2];
  memcpy(&factors[0], &first, sizeof first);
  memcpy(&factors[1], &second, sizeof second);
  return value * factors[0] * factors[1];
}

static float widen_piece(const forge_bf16 *x, int64_t n, float *kept) {
  float max = widen(x[0]);
  for (int64_t c = 0; c < n; c++) kept[c] = widen(x[c]);
  for (int64_t c = 0; c < n; c++) max = kept[c] > max ? kept[c] : max;
  return max;
}

static float sum_of_exponentials(const float *kept, int64_t n, float max) {
  float lanes[LANES] = {0}, sum = 0;
  int64_t c = 0;
  for (; c + LANES <= n; c += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += exp_of(kept[c + l] - max);
  for (int l = 0; c + l < n; l++) lanes[l] += exp_of(kept[c + l] - max);
  for (int l = 0; l < LANES; l++) sum += lanes[l];
  return sum;
}

int cross_entropy_forward(const forge_bf16 *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const forge_bf16 *row = logits + r * classes;
    float *kept = scratch, max = -INFINITY, sum = 0;
    for (int64_t first = 0; first < classes; first += PIECE) {
      const int64_t count = classes - first < PIECE ? classes - first : PIECE;
      const float largest = widen_piece(row + first, count, kept);
      if (largest == -INFINITY) continue;
      const float higher = largest > max ? largest : max;
      sum = (max == -INFINITY ? 0.0f : sum * exp_of(max - higher)) + sum_of_exponentials(kept, count, higher);
      max = higher;
    }
    lse[r] = max + logf(sum);
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - widen(row[target[r]]);
  }
  return 0;
}

int cross_entropy_backward(const forge_bf16 *logits, const int32_t *target, const float *lse, const float *dloss, forge_bf16 *dlogits,
                           int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float factor = target[r] == IGNORED ? 0.0f : dloss[r];
    float *kept = scratch;
    for (int64_t first = 0; first < classes; first += PIECE) {
      const int64_t count = classes - first < PIECE ? classes - first : PIECE, at = r * classes + first;
      for (int64_t c = 0; c < count; c++) kept[c] = exp_of(widen(logits[at + c]) - lse[r]);
      if (target[r] >= first && target[r] < first + count) kept[target[r] - first] -= 1.0f;
      for (int64_t c = 0; c < count; c++) dlogits[at + c] = narrow(kept[c] * factor);
    }
  }
  return 0;
}
