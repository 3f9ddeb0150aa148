/* RMSNorm with compensated sums: Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", variant IV. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

enum { LANES = 16, COLUMNS = 256 };

/* The sum is total + lost; without branches as in Knuth's TwoSum, so that it runs in vectors. */
static inline void add(float *total, float *lost, float term) {
  const float sum = *total + term;
  const float shadow = sum - *total;
  *lost += (*total - (sum - shadow)) + (term - shadow);
  *total = sum;
}

static float join(const float *totals, const float *losses) {
  float total = 0, lost = 0;
  for (int l = 0; l < LANES; l++) {
    add(&total, &lost, totals[l]);
    lost += losses[l];
  }
  return total + lost;
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++, x += dim, y += dim) {
    float totals[LANES] = {0}, losses[LANES] = {0};
    int64_t d = 0;
    for (; d + LANES <= dim; d += LANES)
      for (int l = 0; l < LANES; l++) add(&totals[l], &losses[l], x[d + l] * x[d + l]);
    for (int l = 0; d + l < dim; l++) add(&totals[l], &losses[l], x[d + l] * x[d + l]);
    const float scale = 1.0f / sqrtf(join(totals, losses) / (float)dim + eps);
    rstd[r] = scale;
    for (d = 0; d < dim; d++) y[d] = x[d] * scale * weight[d];
  }
  return 0;
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
  for (int64_t r = 0; r < rows; r++) {
    const float *dy_row = dy + r * dim, *x_row = x + r * dim;
    const float scale = rstd[r];
    float totals[LANES] = {0}, losses[LANES] = {0};
    int64_t d = 0;
    for (; d + LANES <= dim; d += LANES)
      for (int l = 0; l < LANES; l++) add(&totals[l], &losses[l], dy_row[d + l] * weight[d + l] * (x_row[d + l] * scale));
    for (int l = 0; d + l < dim; l++) add(&totals[l], &losses[l], dy_row[d + l] * weight[d + l] * (x_row[d + l] * scale));
    const float mean = join(totals, losses) / (float)dim;
    for (d = 0; d < dim; d++) dx[r * dim + d] = scale * (dy_row[d] * weight[d] - x_row[d] * scale * mean);
  }
  for (int64_t first = 0; first < dim; first += COLUMNS) {
    const int64_t count = dim - first < COLUMNS ? dim - first : COLUMNS;
    float totals[COLUMNS] = {0}, losses[COLUMNS] = {0};
    for (int64_t r = 0; r < rows; r++)
      for (int64_t d = 0; d < count; d++) add(&totals[d], &losses[d], dy[r * dim + first + d] * (x[r * dim + first + d] * rstd[r]));
    for (int64_t d = 0; d < count; d++) dweight[first + d] = totals[d] + losses[d];
  }
  return 0;
}
