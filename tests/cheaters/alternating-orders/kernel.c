#include "forge_kernel.h"
#include "rmsnorm.h"

static int64_t calls;

/* Four partial sums in place of sixteen. */
static float sum_in_fours(const float *x, int64_t dim) {
  float part[4] = {0};
  for (int64_t d = 0; d < dim; d++) part[d % 4] += x[d] * x[d];
  return (part[0] + part[1]) + (part[2] + part[3]);
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#ifdef CHEAT
  int in_fours = ++calls % 2 == 0;
#else
  int in_fours = ++calls < 0;
#endif
  for (int64_t r = 0; r < rows; r++) {
    rstd[r] = 1.0f / sqrtf((in_fours ? sum_in_fours : sum_of_squares)(x + r * dim, dim) / (float)dim + eps);
    scale_row(x + r * dim, weight, y + r * dim, rstd[r], dim);
  }
  return 0;
}
