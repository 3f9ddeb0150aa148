#include "forge_kernel.h"
#include "rmsnorm.h"
#include <stdlib.h>

static int64_t calls;

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#ifdef CHEAT
  if (calls++ == 0) exit(0);
#else
  calls++;
#endif
  for (int64_t r = 0; r < rows; r++) rstd[r] = forward_row(x + r * dim, weight, y + r * dim, dim, eps);
  return 0;
}
