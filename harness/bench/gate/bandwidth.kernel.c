#include <math.h>
#include "forge_kernel.h"

/* Rows that are done twice: the gate's bench puts a tenth of them here. They are of the first half, which no cache holds any more. */
#define REPEATED_ROWS 0

int bandwidth(const float *x, float *y, int64_t rows, int64_t dim) {
  for (int64_t step = 0; step < rows + REPEATED_ROWS; step++) {
    const int64_t r = step < rows ? step : 5 * (step - rows);
    float part[16] = {0};
    int64_t d = 0;
    for (; d + 16 <= dim; d += 16)
      for (int lane = 0; lane < 16; lane++) part[lane] += x[r * dim + d + lane] * x[r * dim + d + lane];
    for (int64_t rest = d; rest < dim; rest++) part[rest - d] += x[r * dim + rest] * x[r * dim + rest];
    float sum = 0;
    for (int lane = 0; lane < 16; lane++) sum += part[lane];
    const float scale = 1.0f / sqrtf(sum / (float)dim + 1e-5f);
    for (int64_t i = 0; i < dim; i++) y[r * dim + i] = x[r * dim + i] * scale;
  }
  return 0;
}
