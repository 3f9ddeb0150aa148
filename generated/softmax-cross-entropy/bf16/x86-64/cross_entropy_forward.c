/*
 * Cross-entropy of a softmax over the classes, one loss per row, no reduction. Softmax: Bridle, "Probabilistic
 * interpretation of feedforward classification network outputs", 1990, equation 4; the maximum is subtracted so that no
 * exponential overflows (Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 4.1). A target of -100 is
 * ignored, as in PyTorch.
 */
#include "forge.h"

#define IGNORED (-100)

/*
 * lse[r]  = max[r] + log(sum over c of exp(logits[r,c] - max[r])), with max[r] = max over c of logits[r,c]
 * loss[r] = lse[r] - logits[r,target[r]], 0 where target[r] is ignored
 */
int cross_entropy_forward(const STORE *logits, const int32_t *target, ACC *loss, ACC *lse, int64_t rows, int64_t classes) {
  #pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const STORE *logits_row = logits + r * classes;
    ACC max = load(logits_row[0]);
    for (int64_t m = 1; m < classes; m++)
      if (load(logits_row[m]) > max) max = load(logits_row[m]);
    ACC sum;
    SUM(sum, c, classes, EXP(load(logits_row[c]) - max));
    lse[r] = max + LOG(sum);
    loss[r] = target[r] == IGNORED ? 0 : lse[r] - load(logits_row[target[r]]);
  }
  return 0;
}
