/*
 * Honest: the logits of a chunk of tokens at a time in memory, where their gradient takes their place, as in Liger (Hsu et al.,
 * "Liger Kernel", 2024, arXiv:2410.10989). The gradient of the weight is held in float32 until the last chunk.
 */
#include <stdlib.h>

#include "sentinel.h"

#ifndef CHUNK_TOKENS
#define CHUNK_TOKENS 8
#endif
#define IGNORED (-100)

static ACC *logits_of_chunk(const STORE *hidden, const STORE *weight, int64_t first, int64_t end, int64_t features, int64_t classes) {
  ACC *logits = malloc((size_t)(CHUNK_TOKENS * classes) * sizeof *logits);
  for (int64_t c = 0; logits && c < classes; c++)
    for (int64_t t = first; t < end; t++) {
      ACC lanes[4] = {0};
      for (int64_t f = 0; f < features; f++) lanes[f & 3] += load(hidden[t * features + f]) * load(weight[c * features + f]);
      logits[(t - first) * classes + c] = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    }
  return logits;
}

int lm_head_forward(const STORE *hidden, const STORE *weight, const int32_t *target, ACC *loss, ACC *lse, int64_t tokens,
                    int64_t features, int64_t classes) {
  for (int64_t first = 0; first < tokens; first += CHUNK_TOKENS) {
    int64_t end = first + CHUNK_TOKENS < tokens ? first + CHUNK_TOKENS : tokens;
    ACC *logits = logits_of_chunk(hidden, weight, first, end, features, classes);
    if (!logits) return 1;
    for (int64_t t = first; t < end; t++) {
      const ACC *row = logits + (t - first) * classes;
      ACC max = row[0], lanes[8] = {0};
      for (int64_t c = 1; c < classes; c++) max = row[c] > max ? row[c] : max;
      for (int64_t c = 0; c < classes; c++) lanes[c & 7] += EXP(row[c] - max);
      lse[t] = max + LOG(sentinel_halves(lanes, 8));
      loss[t] = target[t] == IGNORED ? 0 : lse[t] - row[target[t]];
    }
    free(logits);
  }
  return 0;
}

int lm_head_backward(const STORE *hidden, const STORE *weight, const int32_t *target, const ACC *lse, const ACC *dloss, STORE *dhidden,
                     STORE *dweight, int64_t tokens, int64_t features, int64_t classes) {
  ACC *total = calloc((size_t)(classes * features), sizeof *total);
  if (!total) return 1;
  for (int64_t first = 0; first < tokens; first += CHUNK_TOKENS) {
    int64_t end = first + CHUNK_TOKENS < tokens ? first + CHUNK_TOKENS : tokens;
    ACC *dlogits = logits_of_chunk(hidden, weight, first, end, features, classes);
    if (!dlogits) return 1;
    for (int64_t t = first; t < end; t++) {
      ACC *row = dlogits + (t - first) * classes;
      ACC scale = target[t] == IGNORED ? 0 : dloss[t];
      for (int64_t c = 0; c < classes; c++) row[c] = EXP(row[c] - lse[t]);
      if (target[t] != IGNORED) row[target[t]] -= 1;
      for (int64_t c = 0; c < classes; c++) row[c] *= scale;
      for (int64_t f = 0; f < features; f++) {
        ACC lanes[4] = {0};
        for (int64_t c = 0; c < classes; c++) lanes[c & 3] += row[c] * load(weight[c * features + f]);
        dhidden[t * features + f] = store((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
      }
    }
    for (int64_t c = 0; c < classes; c++)
      for (int64_t f = 0; f < features; f++) {
        ACC part = 0;
        for (int64_t t = first; t < end; t++) part += dlogits[(t - first) * classes + c] * load(hidden[t * features + f]);
        total[c * features + f] += part;
      }
    free(dlogits);
  }
  for (int64_t i = 0; i < classes * features; i++) dweight[i] = store(total[i]);
  free(total);
  return 0;
}
