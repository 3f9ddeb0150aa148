/* Cross-entropy in plain loops, for a compiler that may reorder sums and has exponentials of whole vectors. */
#include <math.h>
#include "forge_kernel.h"

#define IGNORED (-100)

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float max = row[0], sum = 0;
    for (int64_t c = 1; c < classes; c++) max = row[c] > max ? row[c] : max;
    for (int64_t c = 0; c < classes; c++) sum += expf(row[c] - max);
    lse[r] = max + logf(sum);
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - row[target[r]];
  }
  return 0;
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes) {
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float *gradient = dlogits + r * classes;
    const float factor = target[r] == IGNORED ? 0.0f : dloss[r];
    for (int64_t c = 0; c < classes; c++) gradient[c] = expf(row[c] - lse[r]) * factor;
    if (target[r] != IGNORED) gradient[target[r]] = (expf(row[target[r]] - lse[r]) - 1.0f) * factor;
  }
  return 0;
}
