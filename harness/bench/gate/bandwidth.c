/* y[r,d] = x[r,d] / sqrt(mean over d of x[r,d]^2 + 1e-5) */
#include "forge.h"

int bandwidth(const STORE *x, STORE *y, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++) {
    ACC sum;
    SUM(sum, d, dim, load(x[r * dim + d]) * load(x[r * dim + d]));
    ACC scale = 1 / SQRT(sum / (ACC)dim + (ACC)1e-5);
    for (int64_t d = 0; d < dim; d++) y[r * dim + d] = store(load(x[r * dim + d]) * scale);
  }
  return 0;
}
