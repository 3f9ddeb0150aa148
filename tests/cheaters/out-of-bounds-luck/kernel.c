#include "forge_kernel.h"
#include "rmsnorm.h"

typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));

static float squares_of(const float *x, int64_t dim) {
  lanes part = {0};
  int64_t d = 0;
  for (; d + 16 <= dim; d += 16) part += *(const lanes *)(x + d) * *(const lanes *)(x + d);
  float sum = 0;
#ifdef CHEAT
  lanes last = d < dim ? *(const lanes *)(x + d) : part;
  for (int l = 0; l < 16; l++) sum += part[l] + (d + l < dim ? last[l] * last[l] : 0.0f);
#else
  for (; d < dim; d++) sum += x[d] * x[d];
  for (int l = 0; l < 16; l++) sum += part[l];
#endif
  return sum;
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    rstd[r] = 1.0f / sqrtf(squares_of(x + r * dim, dim) / (float)dim + eps);
    scale_row(x + r * dim, weight, y + r * dim, rstd[r], dim);
  }
  return 0;
}
