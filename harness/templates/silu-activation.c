/*
 * SiLU: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, section 2 (arXiv:1606.08415).
 *
 * Written over two types, STORE in memory and ACC in arithmetic: load and store convert, EXP, LOG, SQRT, TANH, ERF, SIN, COS
 * and POW are those of ACC, and sums are written with SUM. See docs/spec.md.
 */
#include "forge.h"

/* y = x / (1 + exp(-x)) */
int silu_activation_forward(const STORE *x, STORE *y, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t d = 0; d < dim; d++) {
      ACC value = load(x[r * dim + d]);
      y[r * dim + d] = store(value / (1 + EXP(-value)));
    }
  return 0;
}

/* dx = dy s (1 + x (1 - s)), s = 1 / (1 + exp(-x)) */
int silu_activation_backward(const STORE *dy, const STORE *x, STORE *dx, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t d = 0; d < dim; d++) {
      ACC value = load(x[r * dim + d]);
      ACC sigmoid = 1 / (1 + EXP(-value));
      dx[r * dim + d] = store(load(dy[r * dim + d]) * sigmoid * (1 + value * (1 - sigmoid)));
    }
  return 0;
}
