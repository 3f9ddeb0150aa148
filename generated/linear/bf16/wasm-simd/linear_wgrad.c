/*
 * Linear layer without bias, as in Llama (Touvron et al., 2023, arXiv:2302.13971): y = x W^T, W stored one row per output
 * feature as in PyTorch. The two gradients are those of the chain rule.
 */
#include "forge.h"

/* dweight[o,i] = sum over t of dy[t,o] x[t,i] */
int linear_wgrad(const STORE *dy, const STORE *x, STORE *dweight, int64_t tokens, int64_t in_features, int64_t out_features) {
  for (int64_t first = 0; first < in_features; first += LANES)
    for (int64_t o = 0; o < out_features; o++)
      SUMS(sum, i, first, in_features, t, tokens, load(dy[t * out_features + o]) * load(x[t * in_features + i]),
           dweight[o * in_features + i] = store(sum));
  return 0;
}
