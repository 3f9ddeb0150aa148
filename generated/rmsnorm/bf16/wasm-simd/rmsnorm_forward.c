/*
 * RMSNorm: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, equation 4 (arXiv:1910.07467), with the eps
 * inside the root as in Llama.
 */
#include "forge.h"

/*
 * rstd[r] = 1 / sqrt(mean over d of x[r,d]^2 + eps)
 * y[r,d]  = x[r,d] rstd[r] weight[d]
 */
int rmsnorm_forward(const STORE *x, const STORE *weight, STORE *y, ACC *rstd, int64_t rows, int64_t dim, ACC eps) {
  for (int64_t r = 0; r < rows; r++) {
    const STORE *x_row = x + r * dim;
    ACC squares;
    SUM(squares, k, dim, load(x_row[k]) * load(x_row[k]));
    rstd[r] = 1 / SQRT(squares / (ACC)dim + eps);
    for (int64_t d = 0; d < dim; d++) y[r * dim + d] = store(load(x_row[d]) * rstd[r] * load(weight[d]));
  }
  return 0;
}
