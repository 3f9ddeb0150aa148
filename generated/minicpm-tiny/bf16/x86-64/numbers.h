/* Numbers: what is rounded where in mixed precision, and functions of a float that a compiler turns into vectors. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* With -DMIXED_BF16, operands and results of matrix products are floats whose lower 16 bits are zero. */
static inline float rounded(float x) {
#if defined(MIXED_BF16)
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  memcpy(&x, &bits, sizeof bits);
#endif
  return x;
}

/* Before a loop whose turns do not depend on each other, or by a sum or maximum that may be taken in any order. */
#define PRAGMA(text) _Pragma(#text)
#define SIMD PRAGMA(omp simd)
#define SIMD_SUM(sum) PRAGMA(omp simd reduction(+ : sum))
#define SIMD_MAX(max) PRAGMA(omp simd reduction(max : max))

/*
 * e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2: within about one unit in the last place, no branches, no errno. Zero where
 * the result would not be normal; finite beyond the largest x.
 */
static inline float exponential(float x) {
  const float bounded = x > 88.0f ? 88.0f : x < -87.0f ? -87.0f : x, shifter = 12582912.0f; /* 1.5 2^23: what is added to it loses its fraction */
  const float n = (bounded * 1.44269504088896341f + shifter) - shifter;
  const float r = (bounded - n * 0.693145751953125f) - n * 1.42860682030941723e-6f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * (r * r) + r + 1;
  const int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return x < -87.0f ? 0 : y * power;
}

static inline float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

#endif
