/* RMSNorm with the processor's estimate of a reciprocal root, made exact by Newton's iteration. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

enum { LANES = 64, COLUMNS = 256 };

/* 1/sqrt(a): an estimate with a relative error of 1.5 * 2^-12, squared by the first step, rounding alone left by the second. */
static float reciprocal_root(float a) {
  if (!(a >= FLT_MIN && a <= FLT_MAX)) return 1.0f / sqrtf(a);
  float root;
  __asm__("vrsqrtss %1, %1, %0" : "=x"(root) : "x"(a));
  for (int step = 0; step < 2; step++) {
    const float residue = fmaf(-a * root, root, 1.0f);
    root = fmaf(0.5f * root, residue, root);
  }
  return root;
}

static float total(const float *lanes) {
  float sum = 0;
  for (int l = 0; l < LANES; l++) sum += lanes[l];
  return sum;
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * dim;
    float lanes[LANES] = {0};
    int64_t d = 0;
    for (; d + LANES <= dim; d += LANES)
      for (int l = 0; l < LANES; l++) lanes[l] += row[d + l] * row[d + l];
    for (int l = 0; d + l < dim; l++) lanes[l] += row[d + l] * row[d + l];
    const float scale = reciprocal_root(total(lanes) / (float)dim + eps);
    rstd[r] = scale;
    for (d = 0; d < dim; d++) y[r * dim + d] = row[d] * scale * weight[d];
  }
  return 0;
}

static void gradient_of_row(const float *dy, const float *x, const float *weight, float scale, float *dx, int64_t dim) {
  float lanes[LANES] = {0};
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += dy[d + l] * weight[d + l] * (x[d + l] * scale);
  for (int l = 0; d + l < dim; l++) lanes[l] += dy[d + l] * weight[d + l] * (x[d + l] * scale);
  const float mean = total(lanes) / (float)dim;
  for (d = 0; d < dim; d++) dx[d] = scale * (dy[d] * weight[d] - x[d] * scale * mean);
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
#pragma omp parallel num_threads(FORGE_THREADS)
  {
#pragma omp for schedule(static) nowait
    for (int64_t r = 0; r < rows; r++) gradient_of_row(dy + r * dim, x + r * dim, weight, rstd[r], dx + r * dim, dim);
#pragma omp for schedule(static)
    for (int64_t first = 0; first < dim; first += COLUMNS) {
      const int64_t columns = dim - first < COLUMNS ? dim - first : COLUMNS;
      float sums[COLUMNS] = {0};
      for (int64_t r = 0; r < rows; r++)
        for (int64_t d = 0; d < columns; d++) sums[d] += dy[r * dim + first + d] * (x[r * dim + first + d] * rstd[r]);
      memcpy(dweight + first, sums, sizeof(float) * (size_t)columns);
    }
  }
  return 0;
}
