#include <math.h>
#include "forge_kernel.h"

/* Rows that are done twice: the gate's bench puts a tenth of them here. */
#define REPEATED_ROWS 0

int compute(const float *x, const float *weight, float *y, int64_t rows, int64_t dim) {
  for (int64_t step = 0; step < rows + REPEATED_ROWS; step++) {
    const int64_t r = step < rows ? step : 5 * (step - rows);
    float sum = 0;
    for (int64_t k = 0; k < dim; k++) sum += expf(x[r * dim + k]) * weight[k];
    y[r] = sum;
  }
  return 0;
}
