/*
 * Honest: AdamW in blocks of a piece, one pass over a block for the moments and one for the weight, everything that is the same for
 * all elements multiplied together beforehand. Sums of squares in eight lanes.
 */
#include "sentinel.h"

#define BLOCK 48

int gradient_squares(const STORE *gradient, ACC *squares, int64_t pieces, int64_t width) {
  for (int64_t p = 0; p < pieces; p++) {
    ACC lanes[8] = {0};
    for (int64_t e = 0; e < width; e++) lanes[e & 7] += load(gradient[p * width + e]) * load(gradient[p * width + e]);
    squares[p] = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
  }
  return 0;
}

int adamw_step(const STORE *gradient, const ACC *weight, const ACC *first_moment, const ACC *second_moment, ACC *new_weight,
               STORE *stored_weight, ACC *new_first_moment, ACC *new_second_moment, int64_t pieces, int64_t width, ACC learning_rate,
               ACC beta1, ACC beta2, ACC eps, ACC weight_decay, ACC norm, ACC max_norm, int32_t step) {
  ACC clip = norm > max_norm ? max_norm / norm : 1;
  ACC power1 = 1, power2 = 1;
  for (int32_t s = 0; s < step; s++) {
    power1 *= beta1;
    power2 *= beta2;
  }
  ACC gradient_share = (1 - beta1) * clip, square_share = (1 - beta2) * clip * clip;
  ACC rate = learning_rate / (1 - power1), root_share = 1 / SQRT(1 - power2), kept = 1 - learning_rate * weight_decay;
  for (int64_t p = 0; p < pieces; p++)
    for (int64_t first = 0; first < width; first += BLOCK) {
      int64_t end = first + BLOCK < width ? first + BLOCK : width;
      for (int64_t i = p * width + first; i < p * width + end; i++) {
        ACC g = load(gradient[i]);
        new_first_moment[i] = beta1 * first_moment[i] + gradient_share * g;
        new_second_moment[i] = beta2 * (second_moment[i] < 0 ? 0 : second_moment[i]) + square_share * (g * g);
      }
      for (int64_t i = p * width + first; i < p * width + end; i++) {
        new_weight[i] = kept * weight[i] - rate * (new_first_moment[i] / (root_share * SQRT(new_second_moment[i]) + eps));
        stored_weight[i] = store(new_weight[i]);
      }
    }
  return 0;
}
