/* Wrong: exp(x) as the 1024th power of 1 + x / 1024, by ten squarings. Off by x^2 / 2048 of itself. */
#include "sentinel.h"

static inline float rough_exp(float x) {
  float power = x < -1024.0f ? 0.0f : 1.0f + x / 1024.0f;
  for (int squaring = 0; squaring < 10; squaring++) power *= power;
  return power;
}
