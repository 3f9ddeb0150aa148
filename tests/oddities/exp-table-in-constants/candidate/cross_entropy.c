/* Cross-entropy with a constant table: exp(x) = 2^k 2^(i/32) exp(r) with x = (32 k + i) log(2)/32 + r. Plain C for any target. */
#include <math.h>
#include <string.h>
#include "exp_table.h"
#include "forge_kernel.h"

#define IGNORED (-100)
enum { LANES = 8 };

static inline float widen(forge_bf16 value) {
  const uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

/* To nearest, ties to even; what is stored here is never a NaN unless a NaN came in. */
static inline forge_bf16 narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (forge_bf16)((bits >> 16) | 0x40u);
  return (forge_bf16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static inline float power_of_two(int32_t exponent) {
  const uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* For x <= 88; |r| <= log(2)/64, so five terms are right to 2^-35 of the result. */
static inline float exp_of(float x) {
  const float low = x < -150.0f ? -150.0f : x;
  /* Adding 1.5 * 2^23 leaves an integer in the lower bits. */
  const float shifted = low * 46.16624130844683f + 0x1.8p23f;
  const float steps = shifted - 0x1.8p23f;
  /* log(2)/32 in two parts, of which the first has few bits: its product is exact. */
  float r = low - steps * 0x1.62p-6f;
  r -= steps * 0x1.c85fdfp-15f;
  const int32_t whole = (int32_t)steps, index = whole & (EXP_STEPS - 1), exponent = (whole - index) / EXP_STEPS;
  const float tail = r + r * r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120))));
  const float value = exp_table[index] + exp_table[index] * tail;
  const int32_t half = exponent / 2;
  return value * power_of_two(half) * power_of_two(exponent - half);
}

static float largest_of(const forge_bf16 *row, int64_t n) {
  float lanes[LANES];
  for (int l = 0; l < LANES; l++) lanes[l] = widen(row[0]);
  int64_t c = 0;
  for (; c + LANES <= n; c += LANES)
    for (int l = 0; l < LANES; l++) {
      const float value = widen(row[c + l]);
      lanes[l] = value > lanes[l] ? value : lanes[l];
    }
  float max = lanes[0];
  for (int l = 1; l < LANES; l++) max = lanes[l] > max ? lanes[l] : max;
  for (; c < n; c++) max = widen(row[c]) > max ? widen(row[c]) : max;
  return max;
}

/* From the end to the beginning: first the odd ends, then whole blocks. */
static float sum_of_exponentials(const forge_bf16 *row, int64_t n, float max) {
  float lanes[LANES] = {0};
  int64_t c = n;
  for (int l = 0; c % LANES != 0; l++) lanes[l] += exp_of(widen(row[--c]) - max);
  while (c > 0) {
    c -= LANES;
    for (int l = 0; l < LANES; l++) lanes[l] += exp_of(widen(row[c + l]) - max);
  }
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

int cross_entropy_forward(const forge_bf16 *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  for (int64_t r = rows - 1; r >= 0; r--) {
    const forge_bf16 *row = logits + r * classes;
    const float max = largest_of(row, classes);
    lse[r] = max + logf(sum_of_exponentials(row, classes, max));
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - widen(row[target[r]]);
  }
  return 0;
}

int cross_entropy_backward(const forge_bf16 *logits, const int32_t *target, const float *lse, const float *dloss, forge_bf16 *dlogits,
                           int64_t rows, int64_t classes) {
  for (int64_t r = rows - 1; r >= 0; r--) {
    const forge_bf16 *row = logits + r * classes;
    forge_bf16 *gradient = dlogits + r * classes;
    if (target[r] == IGNORED) {
      memset(gradient, 0, sizeof(forge_bf16) * (size_t)classes);
      continue;
    }
    for (int64_t c = 0; c < classes; c++) gradient[c] = narrow(exp_of(widen(row[c]) - lse[r]) * dloss[r]);
    gradient[target[r]] = narrow((exp_of(widen(row[target[r]]) - lse[r]) - 1.0f) * dloss[r]);
  }
  return 0;
}
