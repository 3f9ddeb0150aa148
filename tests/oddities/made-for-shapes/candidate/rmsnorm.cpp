// RMSNorm by templates: Width is the number of features where it is known, else 0.
#include <cmath>
#include <cstdint>
#include "forge_kernel.h"
#include "lanes.hpp"

namespace {

template <int64_t Width> constexpr int64_t width_of(int64_t dim) { return Width == 0 ? dim : Width; }

template <int64_t Width> struct Norm {
  static constexpr int lanes = Width == 0 ? 32 : 64;

  static void forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
    const int64_t n = width_of<Width>(dim);
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
      Lanes<lanes> squares;
      squares.add_all(n, [&](int64_t i) { return x[i] * x[i]; });
      const float scale = 1.0f / std::sqrt(squares.total() / static_cast<float>(n) + eps);
      rstd[r] = scale;
      for (int64_t i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
    }
  }

  static void backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                       int64_t dim) {
    const int64_t n = width_of<Width>(dim);
    for (int64_t i = 0; i < n; i++) dweight[i] = 0;
    for (int64_t r = 0; r < rows; r++, dy += n, x += n, dx += n) {
      const float scale = rstd[r];
      Lanes<lanes> products;
      products.add_all(n, [&](int64_t i) { return dy[i] * weight[i] * (x[i] * scale); });
      const float mean = products.total() / static_cast<float>(n);
      for (int64_t i = 0; i < n; i++) {
        const float normalised = x[i] * scale;
        dx[i] = scale * (dy[i] * weight[i] - normalised * mean);
        dweight[i] += dy[i] * normalised;
      }
    }
  }
};

// A single row: its gradient of the gain is a product, not a sum.
void backward_of_one(const float *dy, const float *x, const float *weight, float scale, float *dx, float *dweight, int64_t n) {
  Lanes<32> products;
  products.add_all(n, [&](int64_t i) { return dy[i] * weight[i] * (x[i] * scale); });
  const float mean = products.total() / static_cast<float>(n);
  for (int64_t i = 0; i < n; i++) {
    const float normalised = x[i] * scale;
    dx[i] = scale * (dy[i] * weight[i] - normalised * mean);
    dweight[i] = dy[i] * normalised;
  }
}

template <typename Use> void with_width(int64_t dim, const Use &use) {
  switch (dim) {
    case 64: return use(Norm<64>());
    case 256: return use(Norm<256>());
    case 512: return use(Norm<512>());
    case 1536: return use(Norm<1536>());
    default: return use(Norm<0>());
  }
}

}  // namespace

extern "C" int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  with_width(dim, [&](auto norm) { norm.forward(x, weight, y, rstd, rows, dim, eps); });
  return 0;
}

extern "C" int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight,
                                int64_t rows, int64_t dim) {
  if (rows == 1) backward_of_one(dy, x, weight, rstd[0], dx, dweight, dim);
  else with_width(dim, [&](auto norm) { norm.backward(dy, x, weight, rstd, dx, dweight, rows, dim); });
  return 0;
}
