/* RMSNorm with short-lived threads: a region of one thread around each parallel region keeps the runtime from pooling them. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include "forge_kernel.h"

enum { LANES = 16, STATIC_DIM = 4096 };

/* One row of partial sums for each thread, cleared in every call. */
static float static_partial[FORGE_THREADS][STATIC_DIM];

static float sum_lanes(const float *lanes) {
  float sum = 0;
  for (int l = 0; l < LANES; l++) sum += lanes[l];
  return sum;
}

static float sum_of_squares(const float *x, int64_t n) {
  float lanes[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += x[i + l] * x[i + l];
  for (int l = 0; i + l < n; l++) lanes[l] += x[i + l] * x[i + l];
  return sum_lanes(lanes);
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#pragma omp parallel num_threads(1)
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * dim;
    const float scale = 1.0f / sqrtf(sum_of_squares(row, dim) / (float)dim + eps);
    rstd[r] = scale;
    for (int64_t d = 0; d < dim; d++) y[r * dim + d] = row[d] * scale * weight[d];
  }
  return 0;
}

static void backward_row(const float *dy, const float *x, const float *weight, float scale, float *dx, float *partial, int64_t dim) {
  float lanes[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= dim; i += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += dy[i + l] * weight[i + l] * (x[i + l] * scale);
  for (int l = 0; i + l < dim; l++) lanes[l] += dy[i + l] * weight[i + l] * (x[i + l] * scale);
  const float mean = sum_lanes(lanes) / (float)dim;
  for (int64_t d = 0; d < dim; d++) {
    const float normalised = x[d] * scale;
    dx[d] = scale * (dy[d] * weight[d] - normalised * mean);
    partial[d] += dy[d] * normalised;
  }
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
  float *partial = dim <= STATIC_DIM ? static_partial[0] : malloc(sizeof(float) * FORGE_THREADS * (size_t)dim);
  if (!partial) return 1;
  const int64_t stride = dim <= STATIC_DIM ? STATIC_DIM : dim;
#pragma omp parallel num_threads(1)
#pragma omp parallel num_threads(FORGE_THREADS)
  {
    const int64_t count = omp_get_num_threads(), self = omp_get_thread_num();
    float *own = partial + self * stride;
    memset(own, 0, sizeof(float) * (size_t)dim);
    for (int64_t r = rows * self / count; r < rows * (self + 1) / count; r++)
      backward_row(dy + r * dim, x + r * dim, weight, rstd[r], dx + r * dim, own, dim);
#pragma omp barrier
#pragma omp single
    for (int64_t d = 0; d < dim; d++) {
      float sum = 0;
      for (int64_t t = 0; t < count; t++) sum += partial[t * stride + d];
      dweight[d] = sum;
    }
  }
  if (partial != static_partial[0]) free(partial);
  return 0;
}
