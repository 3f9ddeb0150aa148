/* RMSNorm at f32: rows go to the threads in blocks; sums in sixteen-wide partial sums. */
#include "forge_kernel.h"
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* From so many elements on an output is larger than the caches, and is written past them. */
enum { STREAMED = 1 << 21, ROWS = 4, CARRIED = 64 };

static inline __mmask16 first_lanes(int64_t count) { return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1); }

static inline void put(float *to, __m512 value, int streamed) {
  if (streamed) _mm512_stream_ps(to, value);
  else _mm512_storeu_ps(to, value);
}

static inline float sum_of_squares(const float *x, int64_t dim) {
  __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
  int64_t k = 0;
  for (; k + 64 <= dim; k += 64) {
    __m512 p = _mm512_loadu_ps(x + k), q = _mm512_loadu_ps(x + k + 16);
    __m512 r = _mm512_loadu_ps(x + k + 32), s = _mm512_loadu_ps(x + k + 48);
    a = _mm512_fmadd_ps(p, p, a);
    b = _mm512_fmadd_ps(q, q, b);
    c = _mm512_fmadd_ps(r, r, c);
    d = _mm512_fmadd_ps(s, s, d);
  }
  for (; k < dim; k += 16) {
    __m512 p = _mm512_maskz_loadu_ps(first_lanes(dim - k), x + k);
    a = _mm512_fmadd_ps(p, p, a);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  int streamed = rows * dim >= STREAMED && dim % 16 == 0 && ((uintptr_t)y & 63) == 0;
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const float *from = x + r * dim;
    float *to = y + r * dim;
    float scale = 1.0f / sqrtf(sum_of_squares(from, dim) / (float)dim + eps);
    rstd[r] = scale;
    __m512 factor = _mm512_set1_ps(scale);
    int64_t k = 0;
    for (; k + 16 <= dim; k += 16)
      put(to + k, _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(from + k), factor), _mm512_loadu_ps(weight + k)), streamed);
    if (k < dim) {
      __mmask16 left = first_lanes(dim - k);
      __m512 value = _mm512_mul_ps(_mm512_mul_ps(_mm512_maskz_loadu_ps(left, from + k), factor), _mm512_maskz_loadu_ps(left, weight + k));
      _mm512_mask_storeu_ps(to + k, left, value);
    }
  }
  return 0;
}

/* Up to ROWS rows: dx, and their part of dweight added to `sums`. */
static inline void backward_rows(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *sums,
                                 int64_t count, int64_t dim, int streamed) {
  __m512 products[ROWS], scale[ROWS], share[ROWS];
  for (int64_t r = 0; r < ROWS; r++) products[r] = _mm512_setzero_ps();
  for (int64_t k = 0; k < dim; k += 16) {
    __mmask16 lanes = first_lanes(dim - k);
    __m512 w = _mm512_maskz_loadu_ps(lanes, weight + k);
    for (int64_t r = 0; r < count; r++) {
      __m512 g = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, dy + r * dim + k), w);
      products[r] = _mm512_fmadd_ps(g, _mm512_maskz_loadu_ps(lanes, x + r * dim + k), products[r]);
    }
  }
  for (int64_t r = 0; r < count; r++) {
    float product = _mm512_reduce_add_ps(products[r]) * rstd[r];
    scale[r] = _mm512_set1_ps(rstd[r]);
    share[r] = _mm512_set1_ps(product / (float)dim);
  }
  for (int64_t k = 0; k < dim; k += 16) {
    __mmask16 lanes = first_lanes(dim - k);
    __m512 w = _mm512_maskz_loadu_ps(lanes, weight + k);
    __m512 sum = _mm512_loadu_ps(sums + k);
    for (int64_t r = 0; r < count; r++) {
      __m512 gradient = _mm512_maskz_loadu_ps(lanes, dy + r * dim + k);
      __m512 n = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + r * dim + k), scale[r]);
      sum = _mm512_fmadd_ps(gradient, n, sum);
      __m512 value = _mm512_mul_ps(scale[r], _mm512_fnmadd_ps(n, share[r], _mm512_mul_ps(gradient, w)));
      if (streamed) _mm512_stream_ps(dx + r * dim + k, value);
      else _mm512_mask_storeu_ps(dx + r * dim + k, lanes, value);
    }
    _mm512_storeu_ps(sums + k, sum);
  }
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
  int streamed = rows * dim >= STREAMED && dim % 16 == 0 && ((uintptr_t)dx & 63) == 0;
  int64_t width = (dim + 15) / 16 * 16;
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
  for (int64_t d = 0; d < dim; d++) {
    float sum = 0;
    for (int64_t part = 0; part < parts; part++) sum += sums[2 * part * width + d];
    dweight[d] = sum;
  }
  free(sums);
  return 0;
}
