/* Cross-entropy whose exponentials come from a table: exp(x) = 2^k 2^(i/64) exp(r) with x = (64 k + i) log(2)/64 + r. */
#include <math.h>
#include <string.h>
#include "exp_table.h"
#include "forge_kernel.h"

#define IGNORED (-100)
enum { LANES = 16 };

/* 2^exponent for -126 <= exponent <= 127. */
static inline float power_of_two(int exponent) {
  const int32_t bits = (exponent + 127) << 23;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* For x <= 88; |r| <= log(2)/128, so four terms are right to 2^-30 of the result. */
static inline float exp_by(const float *table, float x) {
  const float low = x < -150.0f ? -150.0f : x;
  const float steps = rintf(low * 92.332482616893656f);
  /* log(2)/64 in two parts, of which the first has few bits: its product is exact. */
  float r = low - steps * 0x1.62p-7f;
  r -= steps * 0x1.c85fdfp-16f;
  const int whole = (int)steps;
  const int index = whole & (EXP_STEPS - 1), exponent = (whole - index) / EXP_STEPS;
  const float tail = r + r * r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24)));
  const float value = table[index] + table[index] * tail;
  /* In two steps, for the result may be subnormal although neither factor is. */
  const int half = exponent / 2;
  return value * power_of_two(half) * power_of_two(exponent - half);
}

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  const float *table = exp_table();
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float largest[LANES], sums[LANES] = {0};
    for (int l = 0; l < LANES; l++) largest[l] = row[0];
    int64_t c = 0;
    for (; c + LANES <= classes; c += LANES)
      for (int l = 0; l < LANES; l++) largest[l] = row[c + l] > largest[l] ? row[c + l] : largest[l];
    for (int l = 0; c + l < classes; l++) largest[l] = row[c + l] > largest[l] ? row[c + l] : largest[l];
    float max = largest[0];
    for (int l = 1; l < LANES; l++) max = largest[l] > max ? largest[l] : max;
    for (c = 0; c + LANES <= classes; c += LANES)
      for (int l = 0; l < LANES; l++) sums[l] += exp_by(table, row[c + l] - max);
    for (int l = 0; c + l < classes; l++) sums[l] += exp_by(table, row[c + l] - max);
    float sum = 0;
    for (int l = 0; l < LANES; l++) sum += sums[l];
    lse[r] = max + logf(sum);
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - row[target[r]];
  }
  return 0;
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes) {
  const float *table = exp_table();
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float *gradient = dlogits + r * classes;
    if (target[r] == IGNORED) {
      memset(gradient, 0, sizeof(float) * (size_t)classes);
      continue;
    }
    for (int64_t c = 0; c < classes; c++) gradient[c] = exp_by(table, row[c] - lse[r]) * dloss[r];
    gradient[target[r]] = (exp_by(table, row[target[r]] - lse[r]) - 1.0f) * dloss[r];
  }
  return 0;
}
