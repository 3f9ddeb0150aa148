// Cache-oblivious products: Frigo, Leiserson, Prokop and Ramachandran 1999, "Cache-oblivious algorithms", section 2.
#include <stdint.h>
#include <string.h>
#include "forge_kernel.h"

namespace {

constexpr int64_t kLeaf = 32;

/* Element [i, k] is at data[i * row + k * column]. */
struct Matrix {
  const float *data;
  int64_t row, column;

  float at(int64_t i, int64_t k) const { return data[i * row + k * column]; }
  Matrix below(int64_t i) const { return {data + i * row, row, column}; }
  Matrix right_of(int64_t k) const { return {data + k * column, row, column}; }
};

/* c += a b of at most kLeaf in each dimension, b widened to kLeaf columns. */
void multiply_leaf(Matrix a, Matrix b, float *c, int64_t stride, int64_t m, int64_t n, int64_t depth) {
  float columns[kLeaf][kLeaf];
  for (int64_t k = 0; k < depth; k++)
    for (int64_t j = 0; j < kLeaf; j++) columns[k][j] = j < n ? b.at(j, k) : 0.0f;
  for (int64_t i = 0; i < m; i++) {
    float sums[kLeaf] = {};
    for (int64_t k = 0; k < depth; k++) {
      const float factor = a.at(i, k);
      for (int64_t j = 0; j < kLeaf; j++) sums[j] += factor * columns[k][j];
    }
    for (int64_t j = 0; j < n; j++) c[i * stride + j] += sums[j];
  }
}

/* c += a b: the longest dimension is halved until all are short. */
void multiply(Matrix a, Matrix b, float *c, int64_t stride, int64_t m, int64_t n, int64_t depth) {
  if (m <= kLeaf && n <= kLeaf && depth <= kLeaf) return multiply_leaf(a, b, c, stride, m, n, depth);
  if (m >= n && m >= depth) {
    const int64_t half = m / 2;
    multiply(a, b, c, stride, half, n, depth);
    multiply(a.below(half), b, c + half * stride, stride, m - half, n, depth);
  } else if (n >= depth) {
    const int64_t half = n / 2;
    multiply(a, b, c, stride, m, half, depth);
    multiply(a, b.below(half), c + half, stride, m, n - half, depth);
  } else {
    const int64_t half = depth / 2;
    multiply(a, b, c, stride, m, n, half);
    multiply(a.right_of(half), b.right_of(half), c, stride, m, n, depth - half);
  }
}

int product(Matrix a, Matrix b, float *c, int64_t m, int64_t n, int64_t depth) {
  memset(c, 0, sizeof(float) * static_cast<size_t>(m * n));
  multiply(a, b, c, n, m, n, depth);
  return 0;
}

}  // namespace

extern "C" int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  return product({x, in_features, 1}, {weight, in_features, 1}, y, tokens, out_features, in_features);
}

extern "C" int linear_dgrad(const float *dy, const float *weight, float *dx, int64_t tokens, int64_t in_features, int64_t out_features) {
  return product({dy, out_features, 1}, {weight, 1, in_features}, dx, tokens, in_features, out_features);
}

extern "C" int linear_wgrad(const float *dy, const float *x, float *dweight, int64_t tokens, int64_t in_features, int64_t out_features) {
  return product({dy, 1, out_features}, {x, 1, in_features}, dweight, out_features, in_features, tokens);
}
