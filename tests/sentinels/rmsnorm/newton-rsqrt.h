/*
 * Honest: 1 / sqrt(x) from an estimate good to 2^-14 by one step of Newton and Raphson. Largest error over all floats of two
 * binades, so over all normal ones: 1.04 units in the last place.
 */
#include <immintrin.h>

#include "sentinel.h"

static inline float newton_rsqrt(float x) {
  float y = _mm_cvtss_f32(_mm_rsqrt14_ss(_mm_set_ss(x), _mm_set_ss(x)));
  return y + 0.5f * y * (1.0f - x * y * y);
}
