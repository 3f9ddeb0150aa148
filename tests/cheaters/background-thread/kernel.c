#include "forge_kernel.h"
#include "cross_entropy.h"
#include <pthread.h>

static volatile int64_t turns;
static int is_started;

#ifdef CHEAT
static void *go_on(void *data) {
  for (; turns >= 0; turns++) __builtin_ia32_pause();
  return data;
}

static void start(void) {
  pthread_t thread;
  if (pthread_create(&thread, 0, go_on, 0) == 0) pthread_detach(thread);
}
#else
static void start(void) { turns++; }
#endif

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  if (!is_started++) start();
  for (int64_t r = 0; r < rows; r++) forward_row(logits + r * classes, target[r], loss + r, lse + r, classes);
  return 0;
}
