/* RMSNorm of which the compiler makes three versions, one for each kind of processor. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

#define FOR_EVERY_PROCESSOR __attribute__((target_clones("default", "avx2", "avx512f")))
enum { LANES = 32 };

FOR_EVERY_PROCESSOR static void norm_row(const float *x, const float *weight, float *y, float *rstd, int64_t dim, float eps) {
  float lanes[LANES] = {0}, squares = 0;
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += x[d + l] * x[d + l];
  for (int l = 0; d + l < dim; l++) lanes[l] += x[d + l] * x[d + l];
  for (int l = 0; l < LANES; l++) squares += lanes[l];
  const float scale = 1.0f / sqrtf(squares / (float)dim + eps);
  for (d = 0; d < dim; d++) y[d] = x[d] * scale * weight[d];
  *rstd = scale;
}

FOR_EVERY_PROCESSOR static void gradient_of_row(const float *dy, const float *x, const float *weight, float scale, float *dx, float *dweight,
                                                int64_t dim) {
  float lanes[LANES] = {0}, products = 0;
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += dy[d + l] * weight[d + l] * (x[d + l] * scale);
  for (int l = 0; d + l < dim; l++) lanes[l] += dy[d + l] * weight[d + l] * (x[d + l] * scale);
  for (int l = 0; l < LANES; l++) products += lanes[l];
  const float mean = products / (float)dim;
  for (d = 0; d < dim; d++) {
    dx[d] = scale * (dy[d] * weight[d] - x[d] * scale * mean);
    dweight[d] += dy[d] * (x[d] * scale);
  }
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++) norm_row(x + r * dim, weight, y + r * dim, rstd + r, dim, eps);
  return 0;
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
  memset(dweight, 0, sizeof(float) * (size_t)dim);
  for (int64_t r = 0; r < rows; r++) gradient_of_row(dy + r * dim, x + r * dim, weight, rstd[r], dx + r * dim, dweight, dim);
  return 0;
}
