/* RMSNorm without scalar loops: every row is whole vectors of 16, the last of them under a mask. */
#include <immintrin.h>
#include <math.h>
#include "forge_kernel.h"

enum { WIDTH = 16 };

/* The lanes of the vector at `first` that are part of a row of `dim`. */
static inline __mmask16 lanes_at(int64_t first, int64_t dim) {
  const int64_t left = dim - first;
  return left >= WIDTH ? 0xffff : (__mmask16)((1u << left) - 1);
}

static inline __m512 load(const forge_bf16 *at, __mmask16 lanes) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, at)), 16));
}

/* To nearest, ties to even; a NaN stays quiet. */
static inline void store(forge_bf16 *at, __mmask16 lanes, __m512 value) {
  const __m512i bits = _mm512_castps_si512(value);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x40));
  const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
  _mm256_mask_storeu_epi16(at, lanes, _mm512_cvtepi32_epi16(_mm512_mask_blend_epi32(nan, rounded, quiet)));
}

int rmsnorm_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++, x += dim, y += dim) {
    __m512 squares = _mm512_setzero_ps();
    for (int64_t d = 0; d < dim; d += WIDTH) {
      const __m512 value = load(x + d, lanes_at(d, dim));
      squares = _mm512_fmadd_ps(value, value, squares);
    }
    const float scale = 1.0f / sqrtf(_mm512_reduce_add_ps(squares) / (float)dim + eps);
    rstd[r] = scale;
    for (int64_t d = 0; d < dim; d += WIDTH) {
      const __mmask16 lanes = lanes_at(d, dim);
      store(y + d, lanes, _mm512_mul_ps(_mm512_mul_ps(load(x + d, lanes), _mm512_set1_ps(scale)), load(weight + d, lanes)));
    }
  }
  return 0;
}

static void gradient_of_row(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, float rstd, forge_bf16 *dx, int64_t dim) {
  const __m512 scale = _mm512_set1_ps(rstd);
  __m512 products = _mm512_setzero_ps();
  for (int64_t d = 0; d < dim; d += WIDTH) {
    const __mmask16 lanes = lanes_at(d, dim);
    products = _mm512_fmadd_ps(_mm512_mul_ps(load(dy + d, lanes), load(weight + d, lanes)), _mm512_mul_ps(load(x + d, lanes), scale), products);
  }
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(products) / (float)dim);
  for (int64_t d = 0; d < dim; d += WIDTH) {
    const __mmask16 lanes = lanes_at(d, dim);
    const __m512 normalised = _mm512_mul_ps(load(x + d, lanes), scale);
    const __m512 gradient = _mm512_fnmadd_ps(normalised, mean, _mm512_mul_ps(load(dy + d, lanes), load(weight + d, lanes)));
    store(dx + d, lanes, _mm512_mul_ps(scale, gradient));
  }
}

int rmsnorm_backward(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, const float *rstd, forge_bf16 *dx,
                     forge_bf16 *dweight, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++) gradient_of_row(dy + r * dim, x + r * dim, weight, rstd[r], dx + r * dim, dim);
  for (int64_t d = 0; d < dim; d += WIDTH) {
    const __mmask16 lanes = lanes_at(d, dim);
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      const int64_t at = r * dim + d;
      even = _mm512_fmadd_ps(load(dy + at, lanes), _mm512_mul_ps(load(x + at, lanes), _mm512_set1_ps(rstd[r])), even);
      odd = _mm512_fmadd_ps(load(dy + at + dim, lanes), _mm512_mul_ps(load(x + at + dim, lanes), _mm512_set1_ps(rstd[r + 1])), odd);
    }
    if (r < rows) even = _mm512_fmadd_ps(load(dy + r * dim + d, lanes), _mm512_mul_ps(load(x + r * dim + d, lanes), _mm512_set1_ps(rstd[r])), even);
    store(dweight + d, lanes, _mm512_add_ps(even, odd));
  }
  return 0;
}
