/*
 * Honest: cross-entropy with every row read once. A running maximum and a running sum, rescaled when the maximum grows
 * (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, arXiv:1805.02867), block by block.
 */
#include "sentinel.h"

#ifndef BLOCK
#define BLOCK 1
#endif
#define IGNORED (-100)

int cross_entropy_forward(const STORE *logits, const int32_t *target, ACC *loss, ACC *lse, int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) {
    const STORE *row = logits + r * classes;
    ACC max = -INFINITY, sum = 0;
    for (int64_t first = 0; first < classes; first += BLOCK) {
      int64_t end = first + BLOCK < classes ? first + BLOCK : classes;
      ACC block_max = max;
      for (int64_t c = first; c < end; c++)
        if (load(row[c]) > block_max) block_max = load(row[c]);
      /* Nothing but -inf so far: every term is zero, and -inf - -inf would be NaN. */
      if (block_max == -INFINITY) continue;
      ACC block_sum = 0;
      for (int64_t c = first; c < end; c++) block_sum += EXP(load(row[c]) - block_max);
      sum = sum * EXP(max - block_max) + block_sum;
      max = block_max;
    }
    lse[r] = max + LOG(sum);
    loss[r] = target[r] == IGNORED ? 0 : lse[r] - load(row[target[r]]);
  }
  return 0;
}

int cross_entropy_backward(const STORE *logits, const int32_t *target, const ACC *lse, const ACC *dloss, STORE *dlogits,
                           int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) {
    STORE *out = dlogits + r * classes;
    ACC scale = target[r] == IGNORED ? 0 : dloss[r];
    for (int64_t c = 0; c < classes; c++) {
      ACC probability = EXP(load(logits[r * classes + c]) - lse[r]);
      out[c] = store(scale * (c == target[r] ? probability - 1 : probability));
    }
  }
  return 0;
}
