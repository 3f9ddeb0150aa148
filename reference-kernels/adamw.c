/*
 * AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2 (arXiv:1711.05101), with the decay times
 * the learning rate as in PyTorch. The gradient of the whole model is clipped by its norm: Pascanu, Mikolov and Bengio, "On the
 * difficulty of training recurrent neural networks", 2013, algorithm 1 (arXiv:1211.5063). Weight and moments are kept in the type
 * of arithmetic, and a copy of the weight in that of storage is what the next forward pass reads: Micikevicius et al., "Mixed
 * Precision Training", 2018, section 3.1 (arXiv:1710.03740).
 *
 * A tensor is cut into pieces of equal width, whatever its own shape.
 */
#include "forge.h"

/* squares[p] = sum over e of gradient[p,e]^2; the norm is the root of the sum of those of all pieces of all tensors. */
int gradient_squares(const STORE *gradient, ACC *squares, int64_t pieces, int64_t width) {
  for (int64_t p = 0; p < pieces; p++) {
    const STORE *piece = gradient + p * width;
    ACC sum;
    SUM(sum, e, width, load(piece[e]) * load(piece[e]));
    squares[p] = sum;
  }
  return 0;
}

/*
 * g    = gradient min(1, max_norm / norm)
 * m    = beta1 first_moment + (1 - beta1) g
 * v    = beta2 second_moment + (1 - beta2) g^2, where a second moment below zero, which no step makes, counts as zero
 * new_weight = weight - learning_rate (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps) + weight_decay weight)
 *
 * The moments are interpolated from what they were: from there nothing cancels, whichever of the two is larger.
 */
int adamw_step(const STORE *gradient, const ACC *weight, const ACC *first_moment, const ACC *second_moment, ACC *new_weight,
               STORE *stored_weight, ACC *new_first_moment, ACC *new_second_moment, int64_t pieces, int64_t width, ACC learning_rate,
               ACC beta1, ACC beta2, ACC eps, ACC weight_decay, ACC norm, ACC max_norm, int32_t step) {
  ACC clip = norm > max_norm ? max_norm / norm : 1;
  ACC correction1 = 1 - POW(beta1, (ACC)step);
  ACC correction2 = 1 - POW(beta2, (ACC)step);
  for (int64_t p = 0; p < pieces; p++)
    for (int64_t e = 0; e < width; e++) {
      int64_t i = p * width + e;
      ACC g = load(gradient[i]) * clip;
      ACC before = second_moment[i] > 0 ? second_moment[i] : 0;
      ACC m = first_moment[i] + (1 - beta1) * (g - first_moment[i]);
      ACC v = before + (1 - beta2) * (g * g - before);
      ACC update = m / correction1 / (SQRT(v / correction2) + eps);
      ACC updated = weight[i] - learning_rate * (update + weight_decay * weight[i]);
      new_weight[i] = updated;
      stored_weight[i] = store(updated);
      new_first_moment[i] = m;
      new_second_moment[i] = v;
    }
  return 0;
}
