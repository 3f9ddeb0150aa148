/*
 * Honest: attention with every score computed once. Forward goes through the keys in blocks, with a running maximum and a running
 * sum, rescaled when the maximum grows (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018,
 * arXiv:1805.02867; Dao et al., 2022, arXiv:2205.14135, algorithm 1). Backward takes delta as dy . y, of an output that it
 * computes again, and adds the shares of every BLOCK queries to the gradients of keys and values.
 */
#include <stdlib.h>

#include "sentinel.h"

#ifndef BLOCK
#define BLOCK 16
#endif

static ACC dot(const STORE *left, const STORE *right, int64_t n) {
  ACC lanes[4] = {0};
  for (int64_t i = 0; i < n; i++) lanes[i & 3] += load(left[i]) * load(right[i]);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

int attention_forward(const STORE *q, const STORE *k, const STORE *v, STORE *y, ACC *lse, int64_t batch, int64_t tokens,
                      int64_t kv_heads, int64_t group, int64_t head_dim) {
  ACC scale = 1 / SQRT((ACC)head_dim);
  for (int64_t b = 0; b < batch; b++)
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t h = 0; h < kv_heads; h++)
        for (int64_t g = 0; g < group; g++) {
          int64_t row = ((b * tokens + t) * kv_heads + h) * group + g;
          ACC max = -INFINITY, sum = 0, mixed[head_dim];
          for (int64_t d = 0; d < head_dim; d++) mixed[d] = 0;
          for (int64_t first = 0; first <= t; first += BLOCK) {
            int64_t end = first + BLOCK <= t ? first + BLOCK : t + 1;
            ACC score[BLOCK], block_max = max, block_sum = 0;
            for (int64_t j = first; j < end; j++) {
              score[j - first] = dot(q + row * head_dim, k + ((b * tokens + j) * kv_heads + h) * head_dim, head_dim) * scale;
              if (score[j - first] > block_max) block_max = score[j - first];
            }
            ACC shrink = EXP(max - block_max);
            for (int64_t d = 0; d < head_dim; d++) mixed[d] *= shrink;
            for (int64_t j = first; j < end; j++) {
              const STORE *value = v + ((b * tokens + j) * kv_heads + h) * head_dim;
              ACC weight = EXP(score[j - first] - block_max);
              block_sum += weight;
              for (int64_t d = 0; d < head_dim; d++) mixed[d] += weight * load(value[d]);
            }
            sum = sum * shrink + block_sum;
            max = block_max;
          }
          lse[row] = max + LOG(sum);
          ACC reciprocal = 1 / sum;
          for (int64_t d = 0; d < head_dim; d++) y[row * head_dim + d] = store(mixed[d] * reciprocal);
        }
  return 0;
}

int attention_backward(const STORE *dy, const STORE *q, const STORE *k, const STORE *v, const ACC *lse, STORE *dq, STORE *dk,
                       STORE *dv, int64_t batch, int64_t tokens, int64_t kv_heads, int64_t group, int64_t head_dim) {
  ACC scale = 1 / SQRT((ACC)head_dim);
  int64_t size = tokens * head_dim;
  /* Of keys, then of values: the totals, and the shares of the block that runs. */
  ACC *total = calloc((size_t)(4 * size), sizeof *total);
  if (!total) return 1;
  ACC *part = total + 2 * size;
  for (int64_t n = 0; n < batch * kv_heads; n++) {
    int64_t b = n / kv_heads, h = n % kv_heads;
    memset(total, 0, (size_t)(2 * size) * sizeof *total);
    for (int64_t first = 0; first < tokens * group; first += BLOCK) {
      memset(part, 0, (size_t)(2 * size) * sizeof *part);
      for (int64_t x = first; x < first + BLOCK && x < tokens * group; x++) {
        int64_t t = x / group, row = ((b * tokens + t) * kv_heads + h) * group + x % group;
        const STORE *query = q + row * head_dim, *slope = dy + row * head_dim;
        ACC weight[tokens], output[head_dim], sum[head_dim], delta = 0;
        for (int64_t d = 0; d < head_dim; d++) output[d] = sum[d] = 0;
        for (int64_t j = 0; j <= t; j++) {
          int64_t key = ((b * tokens + j) * kv_heads + h) * head_dim;
          weight[j] = EXP(dot(query, k + key, head_dim) * scale - lse[row]);
          for (int64_t d = 0; d < head_dim; d++) output[d] += weight[j] * load(v[key + d]);
        }
        for (int64_t d = 0; d < head_dim; d++) delta += load(slope[d]) * output[d];
        for (int64_t j = 0; j <= t; j++) {
          int64_t key = ((b * tokens + j) * kv_heads + h) * head_dim;
          ACC change = scale * weight[j] * (dot(slope, v + key, head_dim) - delta);
          for (int64_t d = 0; d < head_dim; d++) {
            sum[d] += change * load(k[key + d]);
            part[j * head_dim + d] += change * load(query[d]);
            part[size + j * head_dim + d] += weight[j] * load(slope[d]);
          }
        }
        for (int64_t d = 0; d < head_dim; d++) dq[row * head_dim + d] = store(sum[d]);
      }
      for (int64_t i = 0; i < 2 * size; i++) total[i] += part[i];
    }
    for (int64_t j = 0; j < tokens; j++)
      for (int64_t d = 0; d < head_dim; d++) {
        int64_t at = ((b * tokens + j) * kv_heads + h) * head_dim + d;
        dk[at] = store(total[j * head_dim + d]);
        dv[at] = store(total[size + j * head_dim + d]);
      }
  }
  free(total);
  return 0;
}
