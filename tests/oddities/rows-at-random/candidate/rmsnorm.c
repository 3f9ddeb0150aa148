/* RMSNorm over rows in the order of a shuffle, which spreads the pages that two threads work in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forge_kernel.h"

enum { LANES = 16, COLUMNS = 256 };

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

/* Fisher and Yates, by xorshift (Marsaglia 2003); the same for equal numbers of rows. NULL where memory is short. */
static int32_t *shuffle(int64_t rows) {
  int32_t *order = malloc(sizeof *order * (size_t)rows);
  uint32_t state = 2463534242u;
  for (int64_t i = 0; order && i < rows; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    const int64_t other = state % (uint32_t)(i + 1);
    order[i] = order[other];
    order[other] = (int32_t)i;
  }
  return order;
}

static float total(const float *lanes) {
  float sum = 0;
  for (int l = LANES - 1; l >= 0; l--) sum += lanes[l];
  return sum;
}

static float sum_of_squares(const forge_bf16 *x, int64_t n) {
  float lanes[LANES] = {0};
  int64_t i = n;
  for (; i >= LANES; i -= LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += widen(x[i - LANES + l]) * widen(x[i - LANES + l]);
  for (int l = 0; l < i; l++) lanes[l] += widen(x[l]) * widen(x[l]);
  return total(lanes);
}

static float sum_of_products(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, float scale, int64_t n) {
  float lanes[LANES] = {0};
  int64_t i = n;
  for (; i >= LANES; i -= LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += widen(dy[i - LANES + l]) * widen(weight[i - LANES + l]) * (widen(x[i - LANES + l]) * scale);
  for (int l = 0; l < i; l++) lanes[l] += widen(dy[l]) * widen(weight[l]) * (widen(x[l]) * scale);
  return total(lanes);
}

int rmsnorm_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  int32_t *order = shuffle(rows);
  if (!order) return 1;
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t i = 0; i < rows; i++) {
    const int64_t r = order[i];
    const float scale = 1.0f / sqrtf(sum_of_squares(x + r * dim, dim) / (float)dim + eps);
    rstd[r] = scale;
    for (int64_t d = dim - 1; d >= 0; d--) y[r * dim + d] = narrow(widen(x[r * dim + d]) * scale * widen(weight[d]));
  }
  free(order);
  return 0;
}

int rmsnorm_backward(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, const float *rstd, forge_bf16 *dx,
                     forge_bf16 *dweight, int64_t rows, int64_t dim) {
  int32_t *order = shuffle(rows);
  if (!order) return 1;
#pragma omp parallel num_threads(FORGE_THREADS)
  {
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < rows; i++) {
      const int64_t r = order[i], at = r * dim;
      const float scale = rstd[r], mean = sum_of_products(dy + at, x + at, weight, scale, dim) / (float)dim;
      for (int64_t d = dim - 1; d >= 0; d--)
        dx[at + d] = narrow(scale * (widen(dy[at + d]) * widen(weight[d]) - widen(x[at + d]) * scale * mean));
    }
#pragma omp for schedule(static)
    for (int64_t first = 0; first < dim; first += COLUMNS) {
      const int64_t columns = dim - first < COLUMNS ? dim - first : COLUMNS;
      float sums[COLUMNS] = {0};
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = order[i] * dim + first;
        for (int64_t d = 0; d < columns; d++) sums[d] += widen(dy[at + d]) * (widen(x[at + d]) * rstd[order[i]]);
      }
      for (int64_t d = 0; d < columns; d++) dweight[first + d] = narrow(sums[d]);
    }
  }
  free(order);
  return 0;
}
