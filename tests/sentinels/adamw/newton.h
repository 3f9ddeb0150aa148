/*
 * Honest: root and reciprocal from estimates good to some 2^-12 by two steps of Newton and Raphson. Largest errors over all floats
 * of two binades, so over all normal ones: 0.500 units in the last place for both.
 */
#include <immintrin.h>

#include "sentinel.h"

static inline float newton_root(float x) {
  if (x == 0.0f) return 0.0f;
  float y = _mm_cvtss_f32(_mm_rsqrt_ss(_mm_set_ss(x)));
  y += 0.5f * y * fmaf(-x * y, y, 1.0f);
  float root = x * y;
  return fmaf(0.5f * y, fmaf(-root, root, x), root);
}

static inline float newton_reciprocal(float x) {
  float y = _mm_cvtss_f32(_mm_rcp_ss(_mm_set_ss(x)));
  y = fmaf(y, fmaf(-x, y, 1.0f), y);
  return fmaf(y, fmaf(-x, y, 1.0f), y);
}
