/* RMSNorm with pairwise sums by recursion, over the features of a row and over the rows of a column alike. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

enum { LEAF = 128, LANES = 8, COLUMNS = 64, ROW_LEAF = 4 };

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

static float join(float *lanes) {
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

static float sum_of_squares(const forge_bf16 *x, int64_t n) {
  if (n > LEAF) {
    const int64_t half = n / 2 / LANES * LANES;
    return sum_of_squares(x, half) + sum_of_squares(x + half, n - half);
  }
  float lanes[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += widen(x[i + l]) * widen(x[i + l]);
  for (int l = 0; i + l < n; l++) lanes[l] += widen(x[i + l]) * widen(x[i + l]);
  return join(lanes);
}

static float sum_of_products(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, float scale, int64_t n) {
  if (n > LEAF) {
    const int64_t half = n / 2 / LANES * LANES;
    return sum_of_products(dy, x, weight, scale, half) + sum_of_products(dy + half, x + half, weight + half, scale, n - half);
  }
  float lanes[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += widen(dy[i + l]) * widen(weight[i + l]) * (widen(x[i + l]) * scale);
  for (int l = 0; i + l < n; l++) lanes[l] += widen(dy[i + l]) * widen(weight[i + l]) * (widen(x[i + l]) * scale);
  return join(lanes);
}

/* Adds up `rows` rows of dy x rstd at `columns` columns. */
static void sum_of_rows(const forge_bf16 *dy, const forge_bf16 *x, const float *rstd, int64_t stride, int64_t rows, int64_t columns, float *sums) {
  if (rows > ROW_LEAF) {
    float others[COLUMNS];
    const int64_t half = rows / 2;
    sum_of_rows(dy, x, rstd, stride, half, columns, sums);
    sum_of_rows(dy + half * stride, x + half * stride, rstd + half, stride, rows - half, columns, others);
    for (int64_t d = 0; d < columns; d++) sums[d] += others[d];
    return;
  }
  for (int64_t d = 0; d < columns; d++) sums[d] = widen(dy[d]) * (widen(x[d]) * rstd[0]);
  for (int64_t r = 1; r < rows; r++)
    for (int64_t d = 0; d < columns; d++) sums[d] += widen(dy[r * stride + d]) * (widen(x[r * stride + d]) * rstd[r]);
}

int rmsnorm_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++, x += dim, y += dim) {
    const float scale = 1.0f / sqrtf(sum_of_squares(x, dim) / (float)dim + eps);
    rstd[r] = scale;
    for (int64_t d = 0; d < dim; d++) y[d] = narrow(widen(x[d]) * scale * widen(weight[d]));
  }
  return 0;
}

int rmsnorm_backward(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, const float *rstd, forge_bf16 *dx,
                     forge_bf16 *dweight, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++) {
    const forge_bf16 *dy_row = dy + r * dim, *x_row = x + r * dim;
    const float scale = rstd[r], mean = sum_of_products(dy_row, x_row, weight, scale, dim) / (float)dim;
    for (int64_t d = 0; d < dim; d++)
      dx[r * dim + d] = narrow(scale * (widen(dy_row[d]) * widen(weight[d]) - widen(x_row[d]) * scale * mean));
  }
  for (int64_t first = 0; first < dim; first += COLUMNS) {
    const int64_t columns = dim - first < COLUMNS ? dim - first : COLUMNS;
    float sums[COLUMNS];
    sum_of_rows(dy + first, x + first, rstd, dim, rows, columns, sums);
    for (int64_t d = 0; d < columns; d++) dweight[first + d] = narrow(sums[d]);
  }
  return 0;
}
