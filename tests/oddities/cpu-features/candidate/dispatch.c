/* Chooses by what the processor and its operating system offer; leaves of cpuid as in Intel's manual, volume 2. */
#include <cpuid.h>
#include <stddef.h>
#include "forge_kernel.h"
#include "kernels.h"

static forward_kernel *chosen_forward;
static backward_kernel *chosen_backward;

/* State that the operating system saves: bits 1 and 2 for 256-bit vectors, 5 to 7 for 512-bit ones. */
static uint32_t saved_state(void) {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static void choose(void) {
  uint32_t a, b, c, d;
  forward_kernel *forward = forward_plain;
  backward_kernel *backward = backward_plain;
  const int first = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && (c & bit_FMA);
  if (first && (saved_state() & 0x6u) == 0x6u && __get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    if (b & bit_AVX2) forward = forward_avx2, backward = backward_avx2;
    if ((b & bit_AVX512F) && (saved_state() & 0xe0u) == 0xe0u) forward = forward_avx512, backward = backward_avx512;
  }
  chosen_backward = backward;
  chosen_forward = forward;
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  if (chosen_forward == NULL) choose();
  chosen_forward(x, weight, y, rstd, rows, dim, eps);
  return 0;
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
  if (chosen_forward == NULL) choose();
  chosen_backward(dy, x, weight, rstd, dx, dweight, rows, dim);
  return 0;
}
