/* All three products are C = A B with A [m, k] and B [k, n] in any layout, packed in panels as float64. */
#include <stdlib.h>
#include "forge_kernel.h"

enum { COLUMNS = 16, ROWS = 8 };

/* Element [i, k] of a matrix is at data[i * row + k * column]. */
typedef struct {
  const float *data;
  int64_t row, column;
} matrix;

typedef double vector __attribute__((vector_size(64)));

static void pack(matrix a, int64_t first, int64_t width, int64_t count, int64_t depth, double *packed) {
  for (int64_t k = 0; k < depth; k++)
    for (int64_t i = first; i < first + width; i++) *packed++ = i < count ? (double)a.data[i * a.row + k * a.column] : 0.0;
}

static void multiply_panel(const double *a, const double *b, int64_t depth, float *c, int64_t stride, int64_t rows, int64_t columns) {
  vector sums[ROWS][2] = {{{0}}};
  for (int64_t k = 0; k < depth; k++, a += ROWS, b += COLUMNS) {
    const vector left = *(const vector *)b, right = *(const vector *)(b + 8);
    for (int i = 0; i < ROWS; i++) {
      sums[i][0] += a[i] * left;
      sums[i][1] += a[i] * right;
    }
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) c[i * stride + j] = (float)sums[i][j / 8][j % 8];
}

static int multiply(matrix a, matrix b, float *c, int64_t m, int64_t n, int64_t depth) {
  const int64_t row_panels = (m + ROWS - 1) / ROWS, column_panels = (n + COLUMNS - 1) / COLUMNS;
  double *packed_a = aligned_alloc(64, sizeof(double) * (size_t)(row_panels * ROWS * depth));
  double *packed_b = aligned_alloc(64, sizeof(double) * (size_t)(column_panels * COLUMNS * depth));
  const int failed = !packed_a || !packed_b;
  if (!failed) {
#pragma omp parallel num_threads(FORGE_THREADS)
    {
#pragma omp for schedule(static) nowait
      for (int64_t p = 0; p < row_panels; p++) pack(a, p * ROWS, ROWS, m, depth, packed_a + p * ROWS * depth);
#pragma omp for schedule(static)
      for (int64_t p = 0; p < column_panels; p++) pack(b, p * COLUMNS, COLUMNS, n, depth, packed_b + p * COLUMNS * depth);
#pragma omp for schedule(static)
      for (int64_t i = 0; i < row_panels; i++)
        for (int64_t j = 0; j < column_panels; j++)
          multiply_panel(packed_a + i * ROWS * depth, packed_b + j * COLUMNS * depth, depth, c + i * ROWS * n + j * COLUMNS, n,
                         m - i * ROWS < ROWS ? m - i * ROWS : ROWS, n - j * COLUMNS < COLUMNS ? n - j * COLUMNS : COLUMNS);
    }
  }
  free(packed_a);
  free(packed_b);
  return failed;
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
