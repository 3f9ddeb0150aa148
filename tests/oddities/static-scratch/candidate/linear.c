/*
 * All three products are C = A B with A [m, k] and B [k, n] in any layout. Threads share a static copy of a panel of B, made
 * before each is used; a sum longer than DEPTH goes on where the outputs stand.
 */
#include <string.h>
#include "forge_kernel.h"

enum { COLUMNS = 64, ROWS = 4, DEPTH = 4096 };

/* Element [i, k] of a matrix is at data[i * row + k * column]. */
typedef struct {
  const float *data;
  int64_t row, column;
} matrix;

static float panel[DEPTH][COLUMNS];

static void multiply_rows(matrix a, int64_t row, int64_t first, int64_t terms, float *c, int64_t stride, int64_t rows, int64_t columns) {
  float sums[ROWS][COLUMNS] = {{0}};
  const float *lines[ROWS];
  /* Rows past the end repeat the last one; what they give is not stored. */
  for (int64_t i = 0; i < ROWS; i++) lines[i] = a.data + (row + (i < rows ? i : rows - 1)) * a.row + first * a.column;
  for (int64_t k = 0; k < terms; k++)
    for (int i = 0; i < ROWS; i++) {
      const float factor = lines[i][k * a.column];
      for (int j = 0; j < COLUMNS; j++) sums[i][j] += factor * panel[k][j];
    }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) c[i * stride + j] = first == 0 ? sums[i][j] : c[i * stride + j] + sums[i][j];
}

static int multiply(matrix a, matrix b, float *c, int64_t m, int64_t n, int64_t depth) {
#pragma omp parallel num_threads(FORGE_THREADS)
  for (int64_t column = 0; column < n; column += COLUMNS) {
    const int64_t columns = n - column < COLUMNS ? n - column : COLUMNS;
    for (int64_t first = 0; first < depth; first += DEPTH) {
      const int64_t terms = depth - first < DEPTH ? depth - first : DEPTH;
#pragma omp for schedule(static)
      for (int64_t k = 0; k < terms; k++)
        for (int64_t j = 0; j < COLUMNS; j++) panel[k][j] = j < columns ? b.data[(column + j) * b.row + (first + k) * b.column] : 0.0f;
#pragma omp for schedule(static)
      for (int64_t row = 0; row < m; row += ROWS)
        multiply_rows(a, row, first, terms, c + row * n + column, n, m - row < ROWS ? m - row : ROWS, columns);
    }
  }
  return 0;
}

int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((matrix){x, in_features, 1}, (matrix){weight, in_features, 1}, y, tokens, out_features, in_features);
}

int linear_dgrad(const float *dy, const float *weight, float *dx, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((matrix){dy, out_features, 1}, (matrix){weight, 1, in_features}, dx, tokens, in_features, out_features);
}

int linear_wgrad(const float *dy, const float *x, float *dweight, int64_t tokens, int64_t in_features, int64_t out_features) {
  return multiply((matrix){dy, 1, out_features}, (matrix){x, 1, in_features}, dweight, out_features, in_features, tokens);
}
