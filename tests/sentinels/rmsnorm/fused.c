/*
 * Honest: RMSNorm with every row read once from memory. Forward sums four lanes at a time; backward makes dx and its part of
 * dweight of a row in one go, and adds the parts of every eight rows to the total.
 */
#include <stdlib.h>

#include "sentinel.h"

#define ROWS 8

int rmsnorm_forward(const STORE *x, const STORE *weight, STORE *y, ACC *rstd, int64_t rows, int64_t dim, ACC eps) {
  for (int64_t r = 0; r < rows; r++) {
    ACC lanes[4] = {0};
    for (int64_t k = 0; k < dim; k++) lanes[k & 3] += load(x[r * dim + k]) * load(x[r * dim + k]);
    rstd[r] = 1 / SQRT(((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) / (ACC)dim + eps);
    for (int64_t d = 0; d < dim; d++) y[r * dim + d] = store(load(weight[d]) * (rstd[r] * load(x[r * dim + d])));
  }
  return 0;
}

int rmsnorm_backward(const STORE *dy, const STORE *x, const STORE *weight, const ACC *rstd, STORE *dx, STORE *dweight,
                     int64_t rows, int64_t dim) {
  ACC *total = calloc((size_t)(2 * dim), sizeof *total);
  if (!total) return 1;
  ACC *part = total + dim;
  for (int64_t first = 0; first < rows; first += ROWS) {
    memset(part, 0, (size_t)dim * sizeof *part);
    for (int64_t r = first; r < rows && r < first + ROWS; r++) {
      const STORE *dy_row = dy + r * dim, *x_row = x + r * dim;
      ACC lanes[4] = {0};
      for (int64_t k = 0; k < dim; k++) {
        ACC normalised = load(x_row[k]) * rstd[r];
        part[k] += load(dy_row[k]) * normalised;
        lanes[k & 3] += load(dy_row[k]) * load(weight[k]) * normalised;
      }
      ACC mean = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) / (ACC)dim;
      for (int64_t d = 0; d < dim; d++)
        dx[r * dim + d] = store((load(dy_row[d]) * load(weight[d]) - load(x_row[d]) * (rstd[r] * mean)) * rstd[r]);
    }
    for (int64_t d = 0; d < dim; d++) total[d] += part[d];
  }
  for (int64_t d = 0; d < dim; d++) dweight[d] = store(total[d]);
  free(total);
  return 0;
}
