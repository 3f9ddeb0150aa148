#include "forge_kernel.h"
#include "cross_entropy.h"

static volatile int64_t turns;
static int calls;

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
#ifdef CHEAT
  if (rows * classes >= 1 << 18 && calls++ < 6)
    for (int64_t turn = 0; turn < 400000000; turn++) turns = turn;
#else
  turns = calls++;
#endif
  for (int64_t r = 0; r < rows; r++) forward_row(logits + r * classes, target[r], loss + r, lse + r, classes);
  return 0;
}
