/*
 * Honest: the exponential by Cody and Waite's reduction and the polynomial of Cephes' expf (Moshier). Largest error over all
 * floats whose result is normal: 0.81 units in the last place.
 */
#include "sentinel.h"

static inline float power_of_two(int exponent) {
  uint32_t word = (uint32_t)(exponent + 127) << 23;
  float result;
  memcpy(&result, &word, sizeof result);
  return result;
}

static inline float polynomial_exp(float x) {
  if (x < -104.0f) return 0.0f;
  if (x > 88.8f) return INFINITY;
  float n = rintf(x * 1.44269504088896341f);
  float r = fmaf(n, -0.693359375f, x);
  r = fmaf(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fmaf(p, r, 1.3981999507e-3f);
  p = fmaf(p, r, 8.3334519073e-3f);
  p = fmaf(p, r, 4.1665795894e-2f);
  p = fmaf(p, r, 1.6666665459e-1f);
  p = fmaf(p, r, 5.0000001201e-1f);
  /* 1 + r loses bits of r, which go into the small rest. */
  float sum = 1.0f + r;
  float result = sum + fmaf(p * r, r, r - (sum - 1.0f));
  /* In two steps, for the exponent may be below that of the smallest normal number. */
  int half = (int)n / 2;
  return result * power_of_two(half) * power_of_two((int)n - half);
}
