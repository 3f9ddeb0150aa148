/*
 * Linear layer without bias, as in Llama (Touvron et al., 2023, arXiv:2302.13971): y = x W^T, W stored one row per output
 * feature as in PyTorch. The two gradients are those of the chain rule.
 */
#include "forge.h"

/* dx[t,i] = sum over o of dy[t,o] weight[o,i] */
int linear_dgrad(const STORE *dy, const STORE *weight, STORE *dx, int64_t tokens, int64_t in_features, int64_t out_features) {
  for (int64_t first = 0; first < in_features; first += LANES)
    for (int64_t t = 0; t < tokens; t++)
      SUMS(sum, i, first, in_features, o, out_features, load(dy[t * out_features + o]) * load(weight[o * in_features + i]),
           dx[t * in_features + i] = store(sum));
  return 0;
}
