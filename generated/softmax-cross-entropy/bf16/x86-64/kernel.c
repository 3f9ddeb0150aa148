/* Softmax cross-entropy: one pass over memory per entry; the exponential is a polynomial of degree six, in sixteen lanes. */
#include "forge_kernel.h"
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

/* Classes looked at in one go: they stay in the first-level cache between the look for the maximum and the sum. */
enum { BLOCK = 512, IGNORED = -100 };

static inline __m512 load(const forge_bf16 *x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16));
}

static inline __m512 load_some(__mmask16 lanes, const forge_bf16 *x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, x)), 16));
}

static inline void store_some(forge_bf16 *to, __mmask16 lanes, __m512 value) {
  _mm256_mask_storeu_epi16(to, lanes, (__m256i)_mm512_cvtneps_pbh(value));
}

static inline float value_of(forge_bf16 x) { return _mm512_cvtss_f32(load_some(1, &x)); }

static inline __mmask16 first_lanes(int64_t count) { return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1); }

/* exp(x) for x <= 88: 2^n 2^r with x log2(e) = n + r; below -104 it is 0. NaN stays NaN. */
static inline __m512 exponential(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-104.0f), x);
  __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fmsub_ps(x, _mm512_set1_ps(0x1.715476p+0f), n);
  r = _mm512_fmadd_ps(x, _mm512_set1_ps(0x1.4ae0cp-26f), r);
  /* 2^r on [-1/2, 1/2]. */
  __m512 p = _mm512_set1_ps(1.5469732e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3400433e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.6180253e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5503272e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4022651e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9314718e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

static inline float exponential_of(float x) { return _mm512_cvtss_f32(exponential(_mm512_set1_ps(x))); }

static float largest(const forge_bf16 *x, int64_t count) {
  const __m512 lowest = _mm512_set1_ps(-INFINITY);
  __m512 a = lowest, b = lowest, c = lowest, d = lowest;
  int64_t k = 0;
  for (; k + 64 <= count; k += 64) {
    a = _mm512_max_ps(a, load(x + k));
    b = _mm512_max_ps(b, load(x + k + 16));
    c = _mm512_max_ps(c, load(x + k + 32));
    d = _mm512_max_ps(d, load(x + k + 48));
  }
  for (; k < count; k += 16) a = _mm512_max_ps(a, _mm512_mask_mov_ps(lowest, first_lanes(count - k), load_some(first_lanes(count - k), x + k)));
  return _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(a, b), _mm512_max_ps(c, d)));
}

static float sum_of_exponentials(const forge_bf16 *x, int64_t count, float max) {
  const __m512 shift = _mm512_set1_ps(max);
  __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
  int64_t k = 0;
  for (; k + 64 <= count; k += 64) {
    a = _mm512_add_ps(a, exponential(_mm512_sub_ps(load(x + k), shift)));
    b = _mm512_add_ps(b, exponential(_mm512_sub_ps(load(x + k + 16), shift)));
    c = _mm512_add_ps(c, exponential(_mm512_sub_ps(load(x + k + 32), shift)));
    d = _mm512_add_ps(d, exponential(_mm512_sub_ps(load(x + k + 48), shift)));
  }
  for (; k < count; k += 16) {
    __mmask16 lanes = first_lanes(count - k);
    a = _mm512_mask_add_ps(a, lanes, a, exponential(_mm512_sub_ps(load_some(lanes, x + k), shift)));
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

int cross_entropy_forward(const forge_bf16 *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const forge_bf16 *row = logits + r * classes;
    float max = -INFINITY, sum = 0;
    for (int64_t first = 0; first < classes; first += BLOCK) {
      int64_t count = classes - first < BLOCK ? classes - first : BLOCK;
      float here = largest(row + first, count);
      if (here > max) {
        sum = max == -INFINITY ? 0 : sum * exponential_of(max - here);
        max = here;
      }
      if (max > -INFINITY) sum += sum_of_exponentials(row + first, count, max);
    }
    lse[r] = max + logf(sum);
    loss[r] = target[r] == IGNORED ? 0 : lse[r] - value_of(row[target[r]]);
  }
  return 0;
}

/* Up to sixteen elements; returns how many. */
static inline int64_t gradient(const forge_bf16 *from, forge_bf16 *to, int64_t left, __m512 shift, __m512 factor, int is_ignored) {
  __mmask16 lanes = first_lanes(left);
  __m512 p = exponential(_mm512_sub_ps(load_some(lanes, from), shift));
  store_some(to, lanes, is_ignored ? _mm512_setzero_ps() : _mm512_mul_ps(p, factor));
  return left < 16 ? left : 16;
}

int cross_entropy_backward(const forge_bf16 *logits, const int32_t *target, const float *lse, const float *dloss, forge_bf16 *dlogits, int64_t rows,
                           int64_t classes) {
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const forge_bf16 *from = logits + r * classes;
    forge_bf16 *to = dlogits + r * classes;
    const int is_ignored = target[r] == IGNORED;
    const __m512 shift = _mm512_set1_ps(lse[r]);
    const __m512 factor = _mm512_set1_ps(is_ignored ? 0.0f : dloss[r]);
    /* Up to where the output is aligned, so that it can be written past the caches. */
    int64_t head = (int64_t)((64 - ((uintptr_t)to & 63)) & 63) / 2;
    if (head > classes) head = classes;
    int64_t k = 0;
    while (k < head) k += gradient(from + k, to + k, head - k, shift, factor, is_ignored);
    if (is_ignored)
      for (; k + 32 <= classes; k += 32) _mm512_stream_si512((void *)(to + k), _mm512_setzero_si512());
    else
      for (; k + 32 <= classes; k += 32) {
        __m512 low = _mm512_mul_ps(exponential(_mm512_sub_ps(load(from + k), shift)), factor);
        __m512 high = _mm512_mul_ps(exponential(_mm512_sub_ps(load(from + k + 16), shift)), factor);
        _mm512_stream_si512((void *)(to + k), (__m512i)_mm512_cvtne2ps_pbh(high, low));
      }
    while (k < classes) k += gradient(from + k, to + k, classes - k, shift, factor, is_ignored);
    if (!is_ignored)
      store_some(to + target[r], 1, _mm512_set1_ps((exponential_of(value_of(from[target[r]]) - lse[r]) - 1.0f) * dloss[r]));
  }
  return 0;
}
