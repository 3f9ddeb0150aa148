#include "forge_kernel.h"
#include "rmsnorm.h"

#ifdef CHEAT
#else
static const char *const pasted = "";
#endif

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  if (pasted[0] == 'z') return 1;
  for (int64_t r = 0; r < rows; r++) rstd[r] = forward_row(x + r * dim, weight, y + r * dim, dim, eps);
  return 0;
}
