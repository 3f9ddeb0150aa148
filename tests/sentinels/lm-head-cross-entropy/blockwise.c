/*
 * Honest: no more logits in memory than a block of tokens and classes has, as in Cut Cross-Entropy (Wijmans et al., 2024,
 * arXiv:2411.09009). Forward: a running maximum and a running sum, rescaled when the maximum grows, and the logit of the target
 * apart, in another order than the others. Backward: every logit once, both gradients held in float32, ignored tokens passed over.
 */
#include <stdlib.h>

#include "sentinel.h"

#ifndef BLOCK_TOKENS
#define BLOCK_TOKENS 4
#endif
#ifndef BLOCK_CLASSES
#define BLOCK_CLASSES 16
#endif
#define IGNORED (-100)

static int64_t smaller(int64_t left, int64_t right) { return left < right ? left : right; }

static ACC dot(const STORE *left, const STORE *right, int64_t count) {
  ACC lanes[8] = {0};
  for (int64_t i = 0; i < count; i++) lanes[i & 7] += load(left[i]) * load(right[i]);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static ACC dot_apart(const STORE *left, const STORE *right, int64_t count) {
  ACC sum = 0;
  for (int64_t i = count - 1; i >= 0; i--) sum += load(left[i]) * load(right[i]);
  return sum;
}

int lm_head_forward(const STORE *hidden, const STORE *weight, const int32_t *target, ACC *loss, ACC *lse, int64_t tokens,
                    int64_t features, int64_t classes) {
  for (int64_t t = 0; t < tokens; t++) {
    const STORE *row = hidden + t * features;
    ACC max = -INFINITY, sum = 0;
    for (int64_t first = 0; first < classes; first += BLOCK_CLASSES) {
      int64_t end = smaller(first + BLOCK_CLASSES, classes);
      ACC logits[BLOCK_CLASSES], block_max = max, block_sum = 0;
      for (int64_t c = first; c < end; c++) {
        logits[c - first] = dot(row, weight + c * features, features);
        block_max = logits[c - first] > block_max ? logits[c - first] : block_max;
      }
      for (int64_t c = first; c < end; c++) block_sum += EXP(logits[c - first] - block_max);
      sum = sum * EXP(max - block_max) + block_sum;
      max = block_max;
    }
    lse[t] = max + LOG(sum);
    loss[t] = target[t] == IGNORED ? 0 : lse[t] - dot_apart(row, weight + target[t] * features, features);
  }
  return 0;
}

int lm_head_backward(const STORE *hidden, const STORE *weight, const int32_t *target, const ACC *lse, const ACC *dloss, STORE *dhidden,
                     STORE *dweight, int64_t tokens, int64_t features, int64_t classes) {
  ACC *dhidden_sums = calloc((size_t)((tokens + classes) * features), sizeof *dhidden_sums);
  if (!dhidden_sums) return 1;
  ACC *dweight_sums = dhidden_sums + tokens * features;
  for (int64_t c0 = 0; c0 < classes; c0 += BLOCK_CLASSES)
    for (int64_t t0 = 0; t0 < tokens; t0 += BLOCK_TOKENS)
      for (int64_t t = t0; t < smaller(t0 + BLOCK_TOKENS, tokens); t++) {
        if (target[t] == IGNORED) continue;
        for (int64_t c = c0; c < smaller(c0 + BLOCK_CLASSES, classes); c++) {
          const STORE *hidden_row = hidden + t * features, *weight_row = weight + c * features;
          ACC dlogit = EXP(dot(hidden_row, weight_row, features) - lse[t]) * dloss[t];
          if (c == target[t]) dlogit -= dloss[t];
          for (int64_t f = 0; f < features; f++) {
            dhidden_sums[t * features + f] += dlogit * load(weight_row[f]);
            dweight_sums[c * features + f] += dlogit * load(hidden_row[f]);
          }
        }
      }
  for (int64_t i = 0; i < tokens * features; i++) dhidden[i] = store(dhidden_sums[i]);
  for (int64_t i = 0; i < classes * features; i++) dweight[i] = store(dweight_sums[i]);
  free(dhidden_sums);
  return 0;
}
