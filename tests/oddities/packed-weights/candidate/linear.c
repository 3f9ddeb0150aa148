/*
 * All three products are C = A B with A [m, k] and B [k, n] in any layout. B is packed in panels of 32 columns, two rows of k beside
 * each other, as the bf16 dot product takes them; A is packed in pairs likewise. Both are padded with zeros.
 */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include "forge_kernel.h"

enum { COLUMNS = 32, ROWS = 6 };

/* Element [i, k] of a matrix is at data[i * row + k * column]. */
typedef struct {
  const forge_bf16 *data;
  int64_t row, column;
} matrix;

/* Pairs of neighbours along k in one 32-bit word. */
static uint32_t pair_at(matrix a, int64_t i, int64_t k, int64_t depth) {
  const uint32_t low = a.data[i * a.row + k * a.column];
  const uint32_t high = k + 1 < depth ? a.data[i * a.row + (k + 1) * a.column] : 0;
  return low | high << 16;
}

static void pack(matrix a, int64_t first, int64_t width, int64_t count, int64_t depth, uint32_t *packed) {
  for (int64_t k = 0; k < depth; k += 2)
    for (int64_t i = 0; i < width; i++) *packed++ = first + i < count ? pair_at(a, first + i, k, depth) : 0;
}

static __m512bh as_bf16(__m512i words) {
  __m512bh result;
  memcpy(&result, &words, sizeof result);
  return result;
}

static void store_row(forge_bf16 *c, int64_t columns, __m512 low, __m512 high) {
  const uint32_t present = columns >= COLUMNS ? 0xffffffffu : (1u << columns) - 1;
  const __m512 halves[2] = {low, high};
  for (int h = 0; h < 2; h++) {
    const __m512i bits = _mm512_castps_si512(halves[h]);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(halves[h], halves[h], _CMP_UNORD_Q);
    const __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x40));
    _mm512_mask_cvtepi32_storeu_epi16(c + 16 * h, (__mmask16)(present >> (16 * h)), _mm512_mask_blend_epi32(nan, rounded, quiet));
  }
}

/* ROWS rows times COLUMNS columns, all sums in registers. */
static void multiply_panel(const uint32_t *a, const uint32_t *b, int64_t pairs, forge_bf16 *c, int64_t stride, int64_t rows, int64_t columns) {
  __m512 low[ROWS], high[ROWS];
  for (int i = 0; i < ROWS; i++) low[i] = high[i] = _mm512_setzero_ps();
  for (int64_t k = 0; k < pairs; k++, a += ROWS, b += COLUMNS) {
    const __m512bh left = as_bf16(_mm512_load_si512(b)), right = as_bf16(_mm512_load_si512(b + 16));
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
      const __m512bh value = as_bf16(_mm512_set1_epi32((int)a[i]));
      low[i] = _mm512_dpbf16_ps(low[i], value, left);
      high[i] = _mm512_dpbf16_ps(high[i], value, right);
    }
  }
  for (int i = 0; i < rows; i++) store_row(c + i * stride, columns, low[i], high[i]);
}

static int multiply(matrix a, matrix b, forge_bf16 *c, int64_t m, int64_t n, int64_t depth) {
  const int64_t pairs = (depth + 1) / 2, row_panels = (m + ROWS - 1) / ROWS, column_panels = (n + COLUMNS - 1) / COLUMNS;
  const size_t b_words = (size_t)(column_panels * pairs * COLUMNS), a_words = (size_t)(row_panels * pairs * ROWS);
  uint32_t *packed_b = aligned_alloc(64, b_words * sizeof(uint32_t));
  uint32_t *packed_a = malloc(a_words * sizeof(uint32_t));
  if (packed_a && packed_b) {
#pragma omp parallel num_threads(FORGE_THREADS)
    {
#pragma omp for schedule(static) nowait
      for (int64_t p = 0; p < column_panels; p++) pack(b, p * COLUMNS, COLUMNS, n, depth, packed_b + p * pairs * COLUMNS);
#pragma omp for schedule(static)
      for (int64_t p = 0; p < row_panels; p++) pack(a, p * ROWS, ROWS, m, depth, packed_a + p * pairs * ROWS);
#pragma omp for schedule(static) collapse(2)
      for (int64_t i = 0; i < row_panels; i++)
        for (int64_t j = 0; j < column_panels; j++)
          multiply_panel(packed_a + i * pairs * ROWS, packed_b + j * pairs * COLUMNS, pairs, c + i * ROWS * n + j * COLUMNS, n,
                         m - i * ROWS < ROWS ? m - i * ROWS : ROWS, n - j * COLUMNS);
    }
  }
  const int failed = !packed_a || !packed_b;
  free(packed_a);
  free(packed_b);
  return failed;
}

int linear_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((matrix){x, in_features, 1}, (matrix){weight, in_features, 1}, y, tokens, out_features, in_features);
}

int linear_dgrad(const forge_bf16 *dy, const forge_bf16 *weight, forge_bf16 *dx, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((matrix){dy, out_features, 1}, (matrix){weight, 1, in_features}, dx, tokens, in_features, out_features);
}

int linear_wgrad(const forge_bf16 *dy, const forge_bf16 *x, forge_bf16 *dweight, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((matrix){dy, 1, out_features}, (matrix){x, 1, in_features}, dweight, out_features, in_features, tokens);
}
