/*
 * Honest: SwiGLU as vector code has it. The exponential by Cody and Waite's reduction and the polynomial of Cephes' expf
 * (Moshier), its argument held where the result is a normal number; elements in tiles of the whole tensor, rows or no rows. The
 * derivative of silu as sigmoid + silu (1 - sigmoid), with one minus the sigmoid by subtraction, as PyTorch has it.
 */
#include "sentinel.h"

#define TILE 16

static inline float polynomial_exp(float x) {
  x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
  float n = rintf(x * 1.44269504088896341f);
  float r = fmaf(n, -0.693359375f, x);
  r = fmaf(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fmaf(p, r, 1.3981999507e-3f);
  p = fmaf(p, r, 8.3334519073e-3f);
  p = fmaf(p, r, 4.1665795894e-2f);
  p = fmaf(p, r, 1.6666665459e-1f);
  p = fmaf(p, r, 5.0000001201e-1f);
  float mantissa = fmaf(p * r, r, r) + 1.0f;
  uint32_t word = (uint32_t)((int)n + 127) << 23;
  float power;
  memcpy(&power, &word, sizeof power);
  return mantissa * power;
}

static void sigmoids(const STORE *gate, ACC *result, int64_t count) {
  for (int64_t k = 0; k < count; k++) result[k] = 1 / (1 + polynomial_exp(-load(gate[k])));
}

int swiglu_forward(const STORE *gate, const STORE *up, STORE *y, int64_t rows, int64_t dim) {
  ACC sigmoid[TILE];
  for (int64_t first = 0; first < rows * dim; first += TILE) {
    int64_t count = rows * dim - first < TILE ? rows * dim - first : TILE;
    sigmoids(gate + first, sigmoid, count);
    for (int64_t k = first; k < first + count; k++) y[k] = store(load(up[k]) * load(gate[k]) * sigmoid[k - first]);
  }
  return 0;
}

int swiglu_backward(const STORE *dy, const STORE *gate, const STORE *up, STORE *dgate, STORE *dup, int64_t rows, int64_t dim) {
  ACC sigmoid[TILE];
  for (int64_t first = 0; first < rows * dim; first += TILE) {
    int64_t count = rows * dim - first < TILE ? rows * dim - first : TILE;
    sigmoids(gate + first, sigmoid, count);
    for (int64_t k = first; k < first + count; k++) {
      ACC s = sigmoid[k - first], silu = load(gate[k]) * s;
      dup[k] = store(silu * load(dy[k]));
      dgate[k] = store((silu * (1 - s) + s) * load(up[k]) * load(dy[k]));
    }
  }
  return 0;
}
