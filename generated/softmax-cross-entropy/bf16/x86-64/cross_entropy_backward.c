/*
 * Cross-entropy of a softmax over the classes, one loss per row, no reduction. Softmax: Bridle, "Probabilistic
 * interpretation of feedforward classification network outputs", 1990, equation 4; the maximum is subtracted so that no
 * exponential overflows (Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 4.1). A target of -100 is
 * ignored, as in PyTorch.
 */
#include "forge.h"

#define IGNORED (-100)

/* dlogits[r,c] = (exp(logits[r,c] - lse[r]) - [c = target[r]]) dloss[r], 0 where target[r] is ignored */
int cross_entropy_backward(const STORE *logits, const int32_t *target, const ACC *lse, const ACC *dloss, STORE *dlogits,
                           int64_t rows, int64_t classes) {
  #pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < classes; c++) {
      ACC probability = EXP(load(logits[r * classes + c]) - lse[r]);
      ACC difference = probability - (c == target[r] ? 1 : 0);
      dlogits[r * classes + c] = store(target[r] == IGNORED ? 0 : difference * dloss[r]);
    }
  return 0;
}
