/*
 * Linear layer without bias, as in Llama (Touvron et al., 2023, arXiv:2302.13971): y = x W^T, W stored one row per output
 * feature as in PyTorch. The two gradients are those of the chain rule.
 */
#include "forge.h"

/* y[t,o] = sum over i of x[t,i] weight[o,i] */
int linear_forward(const STORE *x, const STORE *weight, STORE *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t o = 0; o < out_features; o++) {
      ACC sum;
      SUM(sum, i, in_features, load(x[t * in_features + i]) * load(weight[o * in_features + i]));
      y[t * out_features + o] = store(sum);
    }
  return 0;
}
