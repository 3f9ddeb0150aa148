#include "forge_kernel.h"
#include "cross_entropy.h"

#ifdef CHEAT
static void plain_row(const float *row, int32_t target, float *loss, float *lse, int64_t classes) {
  float max = row[0];
  for (int64_t c = 1; c < classes; c++)
    if (row[c] > max) max = row[c];
  float sum = 0;
  for (int64_t c = 0; c < classes; c++) sum += expf(row[c] - max);
  *lse = max + logf(sum);
  *loss = target == -100 ? 0 : *lse - row[target];
}
#else
static void plain_row(const float *row, int32_t target, float *loss, float *lse, int64_t classes) {
  forward_row(row, target, loss, lse, classes);
}
#endif

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; r++) plain_row(logits + r * classes, target[r], loss + r, lse + r, classes);
  return 0;
}
