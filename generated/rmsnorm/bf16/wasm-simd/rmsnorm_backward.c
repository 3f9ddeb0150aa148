/*
 * RMSNorm: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, equation 4 (arXiv:1910.07467), with the eps
 * inside the root as in Llama.
 */
#include "forge.h"

/*
 * With n[r,d] = x[r,d] rstd[r], the normalised input, and g[r,d] = dy[r,d] weight[d], its gradient:
 * dx[r,d]    = rstd[r] (g[r,d] - n[r,d] mean over k of g[r,k] n[r,k])
 * dweight[d] = sum over r of dy[r,d] n[r,d]
 */
int rmsnorm_backward(const STORE *dy, const STORE *x, const STORE *weight, const ACC *rstd, STORE *dx, STORE *dweight,
                     int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++) {
    const STORE *dy_row = dy + r * dim, *x_row = x + r * dim;
    ACC product;
    SUM(product, k, dim, load(dy_row[k]) * load(weight[k]) * (load(x_row[k]) * rstd[r]));
    ACC mean = product / (ACC)dim;
    for (int64_t d = 0; d < dim; d++)
      dx[r * dim + d] = store(rstd[r] * (load(dy_row[d]) * load(weight[d]) - load(x_row[d]) * rstd[r] * mean));
  }
  for (int64_t first = 0; first < dim; first += LANES)
    SUMS(sum, column, first, dim, s, rows, load(dy[s * dim + column]) * (load(x[s * dim + column]) * rstd[s]),
         dweight[column] = store(sum));
  return 0;
}
