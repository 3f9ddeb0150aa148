/* y[r] = sum over k of exp(x[r,k]) weight[k] */
#include "forge.h"

int compute(const STORE *x, const STORE *weight, STORE *y, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++) {
    ACC sum;
    SUM(sum, k, dim, EXP(load(x[r * dim + k])) * load(weight[k]));
    y[r] = store(sum);
  }
  return 0;
}
