/*
 * What the goals of `forge bench crashes` are about: little to build, little to align, quickly seen to be faster.
 * y[r] = sum over k of x[r,k]^2
 */
#include "forge.h"

int row_energy(const STORE *x, STORE *y, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++) {
    ACC sum;
    SUM(sum, k, dim, load(x[r * dim + k]) * load(x[r * dim + k]));
    y[r] = store(sum);
  }
  return 0;
}
