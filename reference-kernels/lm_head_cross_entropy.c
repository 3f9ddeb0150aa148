/*
 * The head of a language model and the cross-entropy of its softmax over the vocabulary in one, so that the logits, by far the
 * largest tensor of a training step, are never in memory as a whole: Wijmans, Huval, Hertzberg, Koltun and Krähenbühl, "Cut Your
 * Losses in Large-Vocabulary Language Models", 2024, section 4 (arXiv:2411.09009); Hsu et al., "Liger Kernel: Efficient Triton
 * Kernels for LLM Training", 2024, section 3.2 (arXiv:2410.10989). The weight has one row per class as in PyTorch. One loss per
 * token, no reduction; a target of -100 is ignored, as in PyTorch.
 */
#include "forge.h"

#define IGNORED (-100)

/* logits[t,c] = sum over f of hidden[t,f] weight[c,f], of one token and one class */
static ACC logit_of(const STORE *hidden_row, const STORE *weight_row, int64_t features) {
  ACC sum;
  SUM(sum, i, features, load(hidden_row[i]) * load(weight_row[i]));
  return sum;
}

/*
 * lse[t]  = max[t] + log(sum over c of exp(logits[t,c] - max[t])), with max[t] = max over c of logits[t,c]
 * loss[t] = lse[t] - logits[t,target[t]], 0 where target[t] is ignored
 */
int lm_head_forward(const STORE *hidden, const STORE *weight, const int32_t *target, ACC *loss, ACC *lse, int64_t tokens,
                    int64_t features, int64_t classes) {
  for (int64_t t = 0; t < tokens; t++) {
    ACC logits[classes];
    for (int64_t c = 0; c < classes; c++) logits[c] = logit_of(hidden + t * features, weight + c * features, features);
    ACC max = logits[0];
    for (int64_t m = 1; m < classes; m++)
      if (logits[m] > max) max = logits[m];
    ACC sum;
    SUM(sum, k, classes, EXP(logits[k] - max));
    lse[t] = max + LOG(sum);
    loss[t] = target[t] == IGNORED ? 0 : lse[t] - logits[target[t]];
  }
  return 0;
}

/* dlogits[t,c] = (exp(logits[t,c] - lse[t]) - [c = target[t]]) dloss[t], 0 where target[t] is ignored */
static ACC dlogit_of(ACC logit, int64_t c, int32_t target, ACC lse, ACC dloss) {
  ACC probability = EXP(logit - lse);
  ACC difference = probability - (c == target ? 1 : 0);
  return target == IGNORED ? 0 : difference * dloss;
}

/*
 * dhidden[t,f] = sum over c of dlogits[t,c] weight[c,f]
 * dweight[c,f] = sum over t of dlogits[t,c] hidden[t,f]
 */
int lm_head_backward(const STORE *hidden, const STORE *weight, const int32_t *target, const ACC *lse, const ACC *dloss, STORE *dhidden,
                     STORE *dweight, int64_t tokens, int64_t features, int64_t classes) {
  for (int64_t t = 0; t < tokens; t++) {
    ACC dlogits[classes];
    for (int64_t k = 0; k < classes; k++)
      dlogits[k] = dlogit_of(logit_of(hidden + t * features, weight + k * features, features), k, target[t], lse[t], dloss[t]);
    for (int64_t first = 0; first < features; first += LANES)
      SUMS(sum, f, first, features, o, classes, dlogits[o] * load(weight[o * features + f]), dhidden[t * features + f] = store(sum));
  }
  for (int64_t c = 0; c < classes; c++) {
    ACC dlogits[tokens];
    for (int64_t s = 0; s < tokens; s++)
      dlogits[s] = dlogit_of(logit_of(hidden + s * features, weight + c * features, features), c, target[s], lse[s], dloss[s]);
    for (int64_t first = 0; first < features; first += LANES)
      SUMS(sum, f, first, features, r, tokens, dlogits[r] * load(hidden[r * features + f]), dweight[c * features + f] = store(sum));
  }
  return 0;
}
