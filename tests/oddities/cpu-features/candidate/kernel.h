/* Text of both kernels, compiled once for each instruction set; LANES partial sums, as many as a vector holds. */
#include <math.h>
#include <string.h>
#include "kernels.h"

static float KERNEL(total)(const float *lanes) {
  float sum = 0;
  for (int l = 0; l < 4 * LANES; l++) sum += lanes[l];
  return sum;
}

void KERNEL(forward)(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++, x += dim, y += dim) {
    float lanes[4 * LANES] = {0};
    int64_t d = 0;
    for (; d + 4 * LANES <= dim; d += 4 * LANES)
      for (int l = 0; l < 4 * LANES; l++) lanes[l] += x[d + l] * x[d + l];
    for (int l = 0; d + l < dim; l++) lanes[l] += x[d + l] * x[d + l];
    rstd[r] = 1.0f / sqrtf(KERNEL(total)(lanes) / (float)dim + eps);
    for (d = 0; d < dim; d++) y[d] = x[d] * rstd[r] * weight[d];
  }
}

void KERNEL(backward)(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                      int64_t dim) {
  memset(dweight, 0, sizeof(float) * (size_t)dim);
  for (int64_t r = 0; r < rows; r++, dy += dim, x += dim, dx += dim) {
    const float scale = rstd[r];
    float lanes[4 * LANES] = {0};
    int64_t d = 0;
    for (; d + 4 * LANES <= dim; d += 4 * LANES)
      for (int l = 0; l < 4 * LANES; l++) lanes[l] += dy[d + l] * weight[d + l] * (x[d + l] * scale);
    for (int l = 0; d + l < dim; l++) lanes[l] += dy[d + l] * weight[d + l] * (x[d + l] * scale);
    const float mean = KERNEL(total)(lanes) / (float)dim;
    for (d = 0; d < dim; d++) {
      dx[d] = scale * (dy[d] * weight[d] - x[d] * scale * mean);
      dweight[d] += dy[d] * (x[d] * scale);
    }
  }
}
