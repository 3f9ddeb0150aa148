/*
 * All three products are C = A B with A [m, k] and B [k, n] in any layout: 16 columns of B at a time are widened, then all rows
 * of A go over them.
 */
#include <string.h>
#include "forge_kernel.h"

enum { COLUMNS = 16, ROWS = 4, DEPTH = 1024 };

/* Element [i, k] of a matrix is at data[i * row + k * column]. */
typedef struct {
  const forge_bf16 *data;
  int64_t row, column;
} matrix;

static float widened_columns[DEPTH][COLUMNS];
static float widened_rows[DEPTH][ROWS];

static inline float widen(forge_bf16 value) {
  const uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

/* To nearest, ties to even; a NaN stays quiet. */
static inline forge_bf16 narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (forge_bf16)((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}

static float element(matrix a, int64_t i, int64_t k, int64_t count) { return i < count ? widen(a.data[i * a.row + k * a.column]) : 0.0f; }

#if defined(__x86_64__)
#define WIDE_VECTORS __attribute__((target("avx2,fma")))
#else
#define WIDE_VECTORS
#endif

/* Adds the products of `depth` terms to the sums, the last term first. */
WIDE_VECTORS static void add_products(int64_t depth, float sums[ROWS][COLUMNS]) {
  float local[ROWS][COLUMNS];
  memcpy(local, sums, sizeof local);
  for (int64_t k = depth - 1; k >= 0; k--)
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < COLUMNS; j++) local[i][j] += widened_rows[k][i] * widened_columns[k][j];
  memcpy(sums, local, sizeof local);
}

/* Where a sum is longer than DEPTH, both factors of each piece are widened again for each block of rows. */
static int multiply(matrix a, matrix b, forge_bf16 *c, int64_t m, int64_t n, int64_t depth) {
  const int64_t last_piece = (depth - 1) / DEPTH * DEPTH;
  for (int64_t column = 0; column < n; column += COLUMNS) {
    for (int64_t row = 0; row < m; row += ROWS) {
      float sums[ROWS][COLUMNS] = {{0}};
      for (int64_t first = last_piece; first >= 0; first -= DEPTH) {
        const int64_t terms = depth - first < DEPTH ? depth - first : DEPTH;
        if (row == 0 || depth > DEPTH)
          for (int64_t k = 0; k < terms; k++)
            for (int j = 0; j < COLUMNS; j++) widened_columns[k][j] = element(b, column + j, first + k, n);
        for (int64_t k = 0; k < terms; k++)
          for (int i = 0; i < ROWS; i++) widened_rows[k][i] = element(a, row + i, first + k, m);
        add_products(terms, sums);
      }
      for (int j = 0; j < COLUMNS && column + j < n; j++)
        for (int i = 0; i < ROWS && row + i < m; i++) c[(row + i) * n + column + j] = narrow(sums[i][j]);
    }
  }
  return 0;
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
