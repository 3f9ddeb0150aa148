/*
 * Honest: the linear layer in tiles. The result is held in float32 for a tile of rows and columns while tiles of the summed
 * dimension go by; inside a tile four sums run side by side.
 */
#include "sentinel.h"

#define TILE 16
#define DEPTH 24

static int64_t smaller(int64_t left, int64_t right) { return left < right ? left : right; }

/* out[r,c] = sum over k of left(r,k) right(c,k), where an element lies at row * stride + k * step. */
static void multiply(const STORE *left, int64_t left_stride, int64_t left_step, const STORE *right, int64_t right_stride,
                     int64_t right_step, STORE *out, int64_t rows, int64_t columns, int64_t depth) {
  for (int64_t r0 = 0; r0 < rows; r0 += TILE)
    for (int64_t c0 = 0; c0 < columns; c0 += TILE) {
      ACC tile[TILE][TILE] = {{0}};
      int64_t r1 = smaller(r0 + TILE, rows), c1 = smaller(c0 + TILE, columns);
      for (int64_t k0 = 0; k0 < depth; k0 += DEPTH) {
        int64_t k1 = smaller(k0 + DEPTH, depth);
        for (int64_t r = r0; r < r1; r++)
          for (int64_t c = c0; c < c1; c++) {
            ACC lanes[4] = {0};
            for (int64_t k = k0; k < k1; k++)
              lanes[k & 3] += load(left[r * left_stride + k * left_step]) * load(right[c * right_stride + k * right_step]);
            tile[r - r0][c - c0] += (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
          }
      }
      for (int64_t r = r0; r < r1; r++)
        for (int64_t c = c0; c < c1; c++) out[r * columns + c] = store(tile[r - r0][c - c0]);
    }
}

int linear_forward(const STORE *x, const STORE *weight, STORE *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  multiply(x, in_features, 1, weight, in_features, 1, y, tokens, out_features, in_features);
  return 0;
}

int linear_dgrad(const STORE *dy, const STORE *weight, STORE *dx, int64_t tokens, int64_t in_features, int64_t out_features) {
  multiply(dy, out_features, 1, weight, 1, in_features, dx, tokens, in_features, out_features);
  return 0;
}

int linear_wgrad(const STORE *dy, const STORE *x, STORE *dweight, int64_t tokens, int64_t in_features, int64_t out_features) {
  multiply(dy, 1, out_features, x, 1, in_features, dweight, out_features, in_features, tokens);
  return 0;
}
