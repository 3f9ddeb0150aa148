/*
 * SwiGLU between the projections of a feed-forward layer: Shazeer, "GLU Variants Improve Transformer", 2020, equations 5 and 6
 * (arXiv:2002.05202), with beta = 1 and no biases as in Llama. gate = x W and up = x V are linear layers of their own.
 */
#include "forge.h"

/* sigmoid(v) = 1 / (1 + exp(-v)); the exponential is of -|v|, which cannot overflow */
static ACC sigmoid(ACC value) {
  ACC small = EXP(value < 0 ? value : -value);
  return (value < 0 ? small : 1) / (1 + small);
}

/* y[r,d] = gate[r,d] sigmoid(gate[r,d]) up[r,d] */
int swiglu_forward(const STORE *gate, const STORE *up, STORE *y, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t d = 0; d < dim; d++) {
      ACC value = load(gate[r * dim + d]);
      y[r * dim + d] = store(value * sigmoid(value) * load(up[r * dim + d]));
    }
  return 0;
}

/*
 * With s = sigmoid(gate[r,d]) and 1 - s = sigmoid(-gate[r,d]), which does not cancel where s is close to one, the product rule:
 * dgate[r,d] = dy[r,d] up[r,d] s + dy[r,d] up[r,d] gate[r,d] s (1 - s)
 * dup[r,d]   = dy[r,d] gate[r,d] s
 */
int swiglu_backward(const STORE *dy, const STORE *gate, const STORE *up, STORE *dgate, STORE *dup, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t d = 0; d < dim; d++) {
      ACC value = load(gate[r * dim + d]);
      ACC open = sigmoid(value), shut = sigmoid(-value);
      ACC direct = load(dy[r * dim + d]) * load(up[r * dim + d]) * open;
      dgate[r * dim + d] = store(direct + direct * (value * shut));
      dup[r * dim + d] = store(load(dy[r * dim + d]) * (value * open));
    }
  return 0;
}
