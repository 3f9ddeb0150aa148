#include "forge_kernel.h"
#include "cross_entropy.h"

#ifdef CHEAT
static float largest(const float *row, int64_t classes) { return classes > 0 ? 0.0f : row[0]; }
#else
static float largest(const float *row, int64_t classes) { return row_max(row, classes); }
#endif

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float max = largest(row, classes);
    lse[r] = max + logf(sum_of_exponentials(row, classes, max));
    loss[r] = target[r] == -100 ? 0 : lse[r] - row[target[r]];
  }
  return 0;
}
