#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

typedef void forward_kernel(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps);
typedef void backward_kernel(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight,
                             int64_t rows, int64_t dim);

extern forward_kernel forward_plain, forward_avx2, forward_avx512;
extern backward_kernel backward_plain, backward_avx2, backward_avx512;

#endif
