/* RMSNorm by OpenMP tasks: sixteen pieces of the rows whatever the number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forge_kernel.h"

enum { PIECES = 16, LANES = 32, STATIC_DIM = 2048 };

static float static_partial[PIECES][STATIC_DIM];

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

static int64_t begin_of(int64_t piece, int64_t rows) { return rows * piece / PIECES; }

static float total(const float *lanes) {
  float sum = 0;
  for (int l = 0; l < LANES; l++) sum += lanes[l];
  return sum;
}

static void norm_row(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t dim, float eps) {
  float lanes[LANES] = {0};
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += widen(x[d + l]) * widen(x[d + l]);
  for (int l = 0; d + l < dim; l++) lanes[l] += widen(x[d + l]) * widen(x[d + l]);
  const float scale = 1.0f / sqrtf(total(lanes) / (float)dim + eps);
  for (d = 0; d < dim; d++) y[d] = narrow(widen(x[d]) * scale * widen(weight[d]));
  *rstd = scale;
}

static void gradient_of_row(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, float scale, forge_bf16 *dx, float *partial,
                            int64_t dim) {
  float lanes[LANES] = {0};
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += widen(dy[d + l]) * widen(weight[d + l]) * (widen(x[d + l]) * scale);
  for (int l = 0; d + l < dim; l++) lanes[l] += widen(dy[d + l]) * widen(weight[d + l]) * (widen(x[d + l]) * scale);
  const float mean = total(lanes) / (float)dim;
  for (d = 0; d < dim; d++) {
    const float normalised = widen(x[d]) * scale;
    dx[d] = narrow(scale * (widen(dy[d]) * widen(weight[d]) - normalised * mean));
    partial[d] += widen(dy[d]) * normalised;
  }
}

int rmsnorm_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#pragma omp parallel num_threads(FORGE_THREADS)
#pragma omp single
  for (int64_t p = 0; p < PIECES; p++) {
#pragma omp task firstprivate(p)
    for (int64_t r = begin_of(p, rows); r < begin_of(p + 1, rows); r++) norm_row(x + r * dim, weight, y + r * dim, rstd + r, dim, eps);
  }
  return 0;
}

int rmsnorm_backward(const forge_bf16 *dy, const forge_bf16 *x, const forge_bf16 *weight, const float *rstd, forge_bf16 *dx,
                     forge_bf16 *dweight, int64_t rows, int64_t dim) {
  const int64_t stride = dim <= STATIC_DIM ? STATIC_DIM : dim;
  float *partial = dim <= STATIC_DIM ? static_partial[0] : malloc(sizeof(float) * (size_t)(PIECES * dim));
  if (!partial) return 1;
#pragma omp parallel num_threads(FORGE_THREADS)
#pragma omp single
  for (int64_t p = 0; p < PIECES; p++) {
#pragma omp task firstprivate(p)
    {
      float *own = partial + p * stride;
      memset(own, 0, sizeof(float) * (size_t)dim);
      for (int64_t r = begin_of(p, rows); r < begin_of(p + 1, rows); r++)
        gradient_of_row(dy + r * dim, x + r * dim, weight, rstd[r], dx + r * dim, own, dim);
    }
  }
  for (int64_t d = 0; d < dim; d++) {
    float sum = 0;
    for (int64_t p = 0; p < PIECES; p++) sum += partial[p * stride + d];
    dweight[d] = narrow(sum);
  }
  if (partial != static_partial[0]) free(partial);
  return 0;
}
