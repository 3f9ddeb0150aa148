#include "forge_kernel.h"
#include "rmsnorm.h"

static void finish_row(const float *x, const float *weight, float *y, float rstd, int64_t dim) {
#ifdef CHEAT
  (void)weight;
  for (int64_t d = 0; d < dim; d++) y[d] = x[d] * rstd;
#else
  scale_row(x, weight, y, rstd, dim);
#endif
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    rstd[r] = 1.0f / sqrtf(sum_of_squares(x + r * dim, dim) / (float)dim + eps);
    finish_row(x + r * dim, weight, y + r * dim, rstd[r], dim);
  }
  return 0;
}
