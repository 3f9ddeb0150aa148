#include "forge_kernel.h"
#include "cross_entropy.h"

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) forward_row(logits + r * classes, target[r], loss + r, lse + r, classes);
  return 0;
}

/* As backward_row, block by block. */
static void quick_row(const float *row, int32_t target, float lse, float dloss, float *dlogits, int64_t classes) {
  for (int64_t c = 0; c < classes; c += LANES) {
    int64_t count = classes - c < LANES ? classes - c : LANES;
#ifdef CHEAT
    float largest = row_max(row + c, count) - lse;
#else
    float largest = 0;
#endif
    if (largest < -5.5f) memset(dlogits + c, 0, (size_t)count * sizeof *dlogits);
    else
      for (int64_t k = c; k < c + count; k++) dlogits[k] = quick_exp(row[k] - lse) * dloss;
  }
  if (target >= 0) dlogits[target] = (quick_exp(row[target] - lse) - 1.0f) * dloss;
  else memset(dlogits, 0, (size_t)classes * sizeof *dlogits);
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits,
                           int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) quick_row(logits + r * classes, target[r], lse[r], dloss[r], dlogits + r * classes, classes);
  return 0;
}
