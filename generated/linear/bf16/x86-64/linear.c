/* Linear layer and its gradients: three products that differ in how their factors lie in memory. */
#include "product.h"

int linear_forward(const element *x, const element *weight, element *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((factor){x, in_features, INNER_CONTIGUOUS}, (factor){weight, in_features, INNER_CONTIGUOUS}, y, tokens, out_features,
                  in_features);
}

int linear_dgrad(const element *dy, const element *weight, element *dx, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((factor){dy, out_features, INNER_CONTIGUOUS}, (factor){weight, in_features, OUTER_CONTIGUOUS}, dx, tokens, in_features,
                  out_features);
}

int linear_wgrad(const element *dy, const element *x, element *dweight, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((factor){dy, out_features, OUTER_CONTIGUOUS}, (factor){x, in_features, OUTER_CONTIGUOUS}, dweight, out_features,
                  in_features, tokens);
}
