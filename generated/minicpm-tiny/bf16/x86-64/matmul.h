/*
 * Matrix products over views with any strides: C[m,n] = (or +=) sum over k of A[m,k] B[k,n].
 *
 * B is packed as a whole into panels of PANEL_COLUMNS columns; tiles of C are then shared out among threads. A tile goes through k
 * in slices; of each it packs its part of A into panels of PANEL_ROWS rows, and multiplies panel by panel. An element of C is the
 * work of one thread, always in the same order, so that no result depends on who did it.
 */
#ifndef MATMUL_H
#define MATMUL_H

#include "numbers.h"

/* Element (i, j) is at[i * row + j * column]. */
struct View {
  const float *at;
  int64_t row, column;
};

enum { STORE_PRODUCT = 0, ADD_PRODUCT = 1, ROUND_PRODUCT = 2, ROUND_B = 4 };

#if defined(__AVX512F__)
enum { LANES = 16, PANEL_ROWS = 12 };
#else
enum { LANES = 8, PANEL_ROWS = 6 };
#endif
enum { PANEL_COLUMNS = 2 * LANES, LARGEST_SLICE = 256, TILE_ROWS = 16 * PANEL_ROWS, TILE_COLUMNS = 16 * PANEL_COLUMNS, PACKED_TOGETHER = 32 };

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef float Unaligned __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Where results of a panel go: whole panels straight to C, those at an edge of C by way of `edge`. */
struct Destination {
  float *at;
  int64_t stride;
  int add, round;
};

static inline Vector rounded_vector(Vector x) {
  float lanes[LANES];
  memcpy(lanes, &x, sizeof lanes);
  for (int i = 0; i < LANES; i++) lanes[i] = rounded(lanes[i]);
  memcpy(&x, lanes, sizeof lanes);
  return x;
}

/* PANEL_ROWS x PANEL_COLUMNS of C over a slice of k; B is packed, (m, k) of A is a[m * row + k * column]. */
static inline __attribute__((always_inline)) void multiply_strided(int64_t inner, const float *restrict a, int64_t row, int64_t column,
                                                                   const float *restrict b, struct Destination c) {
  Vector sum[PANEL_ROWS][2];
#pragma GCC unroll 16
  for (int m = 0; m < PANEL_ROWS; m++) __builtin_prefetch(c.at + m * c.stride, 1);
#pragma GCC unroll 16
  for (int m = 0; m < PANEL_ROWS; m++) sum[m][0] = sum[m][1] = (Vector){0};
  for (int64_t k = 0; k < inner; k++, a += column, b += PANEL_COLUMNS) {
    const Vector left = *(const Unaligned *)b, right = *(const Unaligned *)(b + LANES);
#pragma GCC unroll 16
    for (int m = 0; m < PANEL_ROWS; m++) {
      sum[m][0] += a[m * row] * left;
      sum[m][1] += a[m * row] * right;
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < PANEL_ROWS; m++)
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      Unaligned *result = (Unaligned *)(c.at + m * c.stride + half * LANES);
      Vector total = c.add ? sum[m][half] + *result : sum[m][half];
      *result = c.round ? rounded_vector(total) : total;
    }
}

/* Of packed A. */
static void multiply_panels(int64_t inner, const float *a, const float *b, struct Destination c) {
  multiply_strided(inner, a, 1, PANEL_ROWS, b, c);
}

/* Of an A whose rows lie `row` apart. */
static void multiply_rows(int64_t inner, const float *a, int64_t row, const float *b, struct Destination c) {
  multiply_strided(inner, a, row, 1, b, c);
}

/* Of an A whose columns lie `column` apart. */
static void multiply_columns(int64_t inner, const float *a, int64_t column, const float *b, struct Destination c) {
  multiply_strided(inner, a, 1, column, b, c);
}

/* panel[k][i] = x[(first + i) row + (start + k) column], zero where first + i >= count; rounded where `round` says so */
static void pack(struct View x, int64_t first, int64_t count, int64_t start, int64_t inner, float *restrict panel, int round) {
  const int64_t valid = smaller(PANEL_COLUMNS, count - first);
  const float *restrict from = x.at + first * x.row + start * x.column;
  if (valid == PANEL_COLUMNS && x.row == 1) {
    for (int64_t k = 0; k < inner; k++)
      for (int half = 0; half < PANEL_COLUMNS; half += LANES)
        *(Unaligned *)(panel + k * PANEL_COLUMNS + half) = *(const Unaligned *)(from + k * x.column + half);
  } else if (valid == PANEL_COLUMNS && x.column == 1) {
    for (int64_t k = 0; k < inner; k++)
#pragma GCC unroll 32
      for (int i = 0; i < PANEL_COLUMNS; i++) panel[k * PANEL_COLUMNS + i] = from[i * x.row + k];
  } else {
    for (int64_t k = 0; k < inner; k++)
      for (int64_t i = 0; i < PANEL_COLUMNS; i++) panel[k * PANEL_COLUMNS + i] = i < valid ? from[i * x.row + k * x.column] : 0;
  }
#if defined(MIXED_BF16)
  for (int64_t e = 0; e < inner * PANEL_COLUMNS && round; e++) panel[e] = rounded(panel[e]);
#else
  (void)round;
#endif
}

/*
 * Panels of PANEL_ROWS: packed[m / PANEL_ROWS][k][m % PANEL_ROWS] = x[k column + m], a few k at a time, so that lines of x are still in the
 * cache when the next panel wants the rest of them. Whole vectors are moved: what is too much of one k, the next overwrites.
 */
static void pack_columns(const float *restrict x, int64_t column, int64_t rows, int64_t inner, float *restrict packed) {
  enum { TOGETHER = 16 };
  for (int64_t start = 0; start < inner; start += TOGETHER)
    for (int64_t m = 0; m < rows; m += PANEL_ROWS) {
      const int64_t end = smaller(inner, start + TOGETHER);
      float *panel = packed + m * inner;
      Vector last = {0};
      /* A panel's last vector would reach into the next panel, whose beginning is there already, except at the very end. */
      for (int64_t k = start; k < end - 1; k++) *(Unaligned *)(panel + k * PANEL_ROWS) = *(const Unaligned *)(x + k * column + m);
      last = *(const Unaligned *)(x + (end - 1) * column + m);
      memcpy(panel + (end - 1) * PANEL_ROWS, &last, PANEL_ROWS * sizeof(float));
    }
}

/* Tiles that are alike in size: of at most `largest`, and `least` of them, if panels are not to be cut. */
static int64_t tiles_of(int64_t count, int64_t largest, int64_t least) {
  const int64_t tiles = (count + largest - 1) / largest;
  return tiles > least ? tiles : least;
}
static int64_t tile_size(int64_t count, int64_t tiles, int64_t panel) { return ((count + tiles - 1) / tiles + panel - 1) / panel * panel; }

/* Fetches one of `shares` parts of a packed panel of B that will be wanted next. Where it is the last one, nothing is read. */
static void prefetch_share(const float *panel, int64_t share, int64_t shares, int64_t depth) {
  const int64_t floats = depth * PANEL_COLUMNS, part = floats / shares + 1;
  for (int64_t e = share * part; e < (share + 1) * part && e < floats; e += 16) __builtin_prefetch(panel + e, 0, 2);
}

static void multiply_tile(int64_t first_row, int64_t end_row, int64_t first_column, int64_t end_column, int64_t inner, struct View a,
                          const float *packed_b, float *c, int64_t stride, int mode) {
  static _Thread_local float packed_a[TILE_ROWS * LARGEST_SLICE + LANES] __attribute__((aligned(64)));
  const int64_t panels = (end_row - first_row + PANEL_ROWS - 1) / PANEL_ROWS;
  const int in_place = a.column == 1; /* rows of A are read where they are, those after the last too: there is spare room. Else rows lie side by side */
  const int64_t slice = tile_size(inner, tiles_of(inner, LARGEST_SLICE, 1), 1);
  for (int64_t start = 0; start < inner; start += slice) {
    const int64_t depth = smaller(slice, inner - start);
    const int add = start > 0 || mode & ADD_PRODUCT, round = start + depth == inner && mode & ROUND_PRODUCT;
    if (!in_place) pack_columns(a.at + first_row + start * a.column, a.column, end_row - first_row, depth, packed_a);
    for (int64_t n = first_column; n < end_column; n += PANEL_COLUMNS) {
      const float *panel = packed_b + n * inner + start * PANEL_COLUMNS;
      for (int64_t m = first_row; m < end_row; m += PANEL_ROWS) {
        const int64_t height = smaller(PANEL_ROWS, end_row - m), width = smaller(PANEL_COLUMNS, end_column - n);
        const int is_whole = height == PANEL_ROWS && width == PANEL_COLUMNS;
        float *result = c + m * stride + n, edge[PANEL_ROWS * PANEL_COLUMNS];
        const struct Destination to = {is_whole ? result : edge, is_whole ? stride : PANEL_COLUMNS, add, round};
        if (!is_whole)
          for (int64_t i = 0; i < height; i++) memcpy(edge + i * PANEL_COLUMNS, result + i * stride, (size_t)width * sizeof(float));
        prefetch_share(panel + PANEL_COLUMNS * inner, (m - first_row) / PANEL_ROWS, panels, depth);
        if (in_place) multiply_rows(depth, a.at + m * a.row + start, a.row, panel, to);
        else multiply_panels(depth, packed_a + (m - first_row) * depth, panel, to);
        if (!is_whole)
          for (int64_t i = 0; i < height; i++) memcpy(result + i * stride, edge + i * PANEL_COLUMNS, (size_t)width * sizeof(float));
      }
    }
  }
}

/* floats that `packed_b` must have room for */
static int64_t packed_size(int64_t inner, int64_t columns) { return (columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS * inner; }

static void matmul(int64_t rows, int64_t columns, int64_t inner, struct View a, struct View b, float *packed_b, float *c, int64_t stride, int mode) {
  const struct View across = {b.at, b.column, b.row};
  /* A task packs whole rows of what lies in memory: of W for W^T a panel, else some rows of all panels. */
  const int64_t tasks = b.row == 1 ? (columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS : (inner + PACKED_TOGETHER - 1) / PACKED_TOGETHER;
#pragma omp parallel for num_threads(FORGE_THREADS) schedule(static)
  for (int64_t task = 0; task < tasks; task++) {
    const int64_t k = task * PACKED_TOGETHER, n = task * PANEL_COLUMNS;
    if (b.row == 1) pack(across, n, columns, 0, inner, packed_b + n * inner, mode & ROUND_B);
    else
      for (int64_t panel = 0; panel < columns; panel += PANEL_COLUMNS)
        pack(across, panel, columns, k, smaller(PACKED_TOGETHER, inner - k), packed_b + panel * inner + k * PANEL_COLUMNS, mode & ROUND_B);
  }
  const int64_t column_tiles = tiles_of(columns, TILE_COLUMNS, 1), row_tiles = tiles_of(rows, TILE_ROWS, (4 * FORGE_THREADS + column_tiles - 1) / column_tiles);
  const int by_rows = columns > rows; /* the larger operand comes from memory once, the smaller from the cache again and again */
  const int64_t height = tile_size(rows, row_tiles, PANEL_ROWS), width = tile_size(columns, column_tiles, PANEL_COLUMNS);
#pragma omp parallel for num_threads(FORGE_THREADS) schedule(dynamic, 1)
  for (int64_t tile = 0; tile < row_tiles * column_tiles; tile++) {
    const int64_t row = (by_rows ? tile % row_tiles : tile / column_tiles) * height;
    const int64_t column = (by_rows ? tile / row_tiles : tile % column_tiles) * width;
    if (row < rows && column < columns)
      multiply_tile(row, smaller(rows, row + height), column, smaller(columns, column + width), inner, a, packed_b, c, stride, mode);
  }
}

#endif
