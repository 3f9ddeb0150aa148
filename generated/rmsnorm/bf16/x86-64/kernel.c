/* RMSNorm at bf16, sums in f32: rows go to the threads in blocks; sums in sixteen-wide partial sums. */
#include "forge_kernel.h"
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* From so many elements on an output is larger than the caches, and is written past them. */
enum { STREAMED = 1 << 22, ROWS = 8, CARRIED = 64 };

static inline __mmask32 first_lanes(int64_t count) { return count >= 32 ? 0xffffffff : (1u << count) - 1; }

/* Thirty-two numbers, as the even and the odd ones of each pair: what one shift and one mask give. */
typedef struct {
  __m512 even, odd;
} pairs;

static inline pairs widen(__m512i words) {
  return (pairs){_mm512_castsi512_ps(_mm512_slli_epi32(words, 16)),
                 _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000)))};
}

static inline pairs load(const forge_bf16 *x, __mmask32 lanes) { return widen(_mm512_maskz_loadu_epi16(lanes, x)); }

static inline __m512i narrow(pairs value) {
  __m512i even = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(value.even));
  __m512i odd = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(value.odd));
  return _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
}

static inline void put(forge_bf16 *to, __mmask32 lanes, pairs value, int streamed) {
  if (streamed) _mm512_stream_si512((void *)to, narrow(value));
  else _mm512_mask_storeu_epi16(to, lanes, narrow(value));
}

static inline float sum_of_squares(const forge_bf16 *x, int64_t dim) {
  __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
  for (int64_t k = 0; k < dim; k += 64) {
    pairs p = load(x + k, first_lanes(dim - k));
    a = _mm512_fmadd_ps(p.even, p.even, a);
    b = _mm512_fmadd_ps(p.odd, p.odd, b);
    if (k + 32 >= dim) break;
    pairs q = load(x + k + 32, first_lanes(dim - k - 32));
    c = _mm512_fmadd_ps(q.even, q.even, c);
    d = _mm512_fmadd_ps(q.odd, q.odd, d);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

int rmsnorm_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  int streamed = rows * dim >= STREAMED && dim % 32 == 0 && ((uintptr_t)y & 63) == 0;
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const forge_bf16 *from = x + r * dim;
    float scale = 1.0f / sqrtf(sum_of_squares(from, dim) / (float)dim + eps);
    rstd[r] = scale;
    __m512 factor = _mm512_set1_ps(scale);
    for (int64_t k = 0; k < dim; k += 32) {
      __mmask32 lanes = first_lanes(dim - k);
      pairs p = load(from + k, lanes), w = load(weight + k, lanes);
      p.even = _mm512_mul_ps(_mm512_mul_ps(p.even, factor), w.even);
      p.odd = _mm512_mul_ps(_mm512_mul_ps(p.odd, factor), w.odd);
      put(y + r * dim + k, lanes, p, streamed);
    }
  }
  return 0;
}

/* Up to ROWS rows: dx, and their part of dweight added to `sums`, which holds even and odd ones of each thirty-two apart. */
static inline void backward_rows(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, const float *rstd, forge_bf16 *dx,
                                 float *sums, int64_t count, int64_t dim, int streamed) {
  __m512 products[ROWS], scale[ROWS], share[ROWS];
  for (int64_t r = 0; r < ROWS; r++) products[r] = _mm512_setzero_ps();
  for (int64_t k = 0; k < dim; k += 32) {
    __mmask32 lanes = first_lanes(dim - k);
    pairs w = load(weight + k, lanes);
    for (int64_t r = 0; r < count; r++) {
      pairs g = load(dy + r * dim + k, lanes), p = load(x + r * dim + k, lanes);
      products[r] = _mm512_fmadd_ps(_mm512_mul_ps(g.even, w.even), p.even, products[r]);
      products[r] = _mm512_fmadd_ps(_mm512_mul_ps(g.odd, w.odd), p.odd, products[r]);
    }
  }
  for (int64_t r = 0; r < count; r++) {
    scale[r] = _mm512_set1_ps(rstd[r]);
    share[r] = _mm512_set1_ps(_mm512_reduce_add_ps(products[r]) * rstd[r] / (float)dim);
  }
  for (int64_t k = 0; k < dim; k += 32) {
    __mmask32 lanes = first_lanes(dim - k);
    pairs w = load(weight + k, lanes);
    pairs sum = {_mm512_loadu_ps(sums + k), _mm512_loadu_ps(sums + k + 16)};
    for (int64_t r = 0; r < count; r++) {
      pairs gradient = load(dy + r * dim + k, lanes), n = load(x + r * dim + k, lanes), value;
      n.even = _mm512_mul_ps(n.even, scale[r]);
      n.odd = _mm512_mul_ps(n.odd, scale[r]);
      sum.even = _mm512_fmadd_ps(gradient.even, n.even, sum.even);
      sum.odd = _mm512_fmadd_ps(gradient.odd, n.odd, sum.odd);
      value.even = _mm512_mul_ps(scale[r], _mm512_fnmadd_ps(n.even, share[r], _mm512_mul_ps(gradient.even, w.even)));
      value.odd = _mm512_mul_ps(scale[r], _mm512_fnmadd_ps(n.odd, share[r], _mm512_mul_ps(gradient.odd, w.odd)));
      put(dx + r * dim + k, lanes, value, streamed);
    }
    _mm512_storeu_ps(sums + k, sum.even);
    _mm512_storeu_ps(sums + k + 16, sum.odd);
  }
}

int rmsnorm_backward(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, const float *rstd, forge_bf16 *dx,
                     forge_bf16 *dweight, int64_t rows, int64_t dim) {
  int streamed = rows * dim >= STREAMED && dim % 32 == 0 && ((uintptr_t)dx & 63) == 0;
  int64_t width = (dim + 31) / 32 * 32;
  int64_t parts = rows < FORGE_THREADS * ROWS ? 1 : FORGE_THREADS;
  float *sums = aligned_alloc(64, (size_t)(2 * parts * width) * sizeof *sums);
  if (!sums) return 1;
  memset(sums, 0, (size_t)(2 * parts * width) * sizeof *sums);
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t part = 0; part < parts; part++) {
    float *total = sums + 2 * part * width, *block = total + width;
    int64_t first = rows * part / parts, last = rows * (part + 1) / parts;
    int64_t carried = 0;
    for (int64_t r = first; r < last; r += ROWS) {
      int64_t count = last - r < ROWS ? last - r : ROWS;
      if (count == ROWS) backward_rows(dy + r * dim, x + r * dim, weight, rstd + r, dx + r * dim, block, ROWS, dim, streamed);
      else backward_rows(dy + r * dim, x + r * dim, weight, rstd + r, dx + r * dim, block, count, dim, streamed);
      /* Short sums first: a long one loses its last bits. */
      carried += count;
      if (carried < CARRIED && r + ROWS < last) continue;
      carried = 0;
      for (int64_t k = 0; k < width; k += 16) {
        _mm512_store_ps(total + k, _mm512_add_ps(_mm512_load_ps(total + k), _mm512_load_ps(block + k)));
        _mm512_store_ps(block + k, _mm512_setzero_ps());
      }
    }
  }
  for (int64_t part = 1; part < parts; part++)
    for (int64_t k = 0; k < width; k++) sums[k] += sums[2 * part * width + k];
  for (int64_t k = 0; k < dim; k += 32)
    put(dweight + k, first_lanes(dim - k), (pairs){_mm512_load_ps(sums + k), _mm512_load_ps(sums + k + 16)}, 0);
  free(sums);
  return 0;
}
