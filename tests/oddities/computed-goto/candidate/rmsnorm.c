/* RMSNorm whose last elements of a row are reached by a jump into unrolled code; vectors of four by GNU C's extension. */
#include <math.h>
#include <string.h>
#include "forge_kernel.h"

typedef float vector __attribute__((vector_size(16)));
enum { LANES = 4, BLOCK = 4 * LANES };

static inline vector load(const float *at) {
  vector value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline void store(float *at, vector value) { memcpy(at, &value, sizeof value); }

static float total(const vector *sums) {
  const vector sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Sum of a[i] b[i] c[i] scale; where c is NULL, of a[i] b[i]. */
static float sum_of_products(const float *a, const float *b, const float *c, float scale, int64_t n) {
  static const void *const entries[LANES] = {&&none, &&one, &&two, &&three};
  vector sums[4] = {{0}};
  int64_t i = 0;
  for (; i + BLOCK <= n; i += BLOCK)
    for (int v = 0; v < 4; v++) {
      const vector product = load(a + i + v * LANES) * load(b + i + v * LANES);
      sums[v] += c ? product * (load(c + i + v * LANES) * scale) : product;
    }
  for (; i + LANES <= n; i += LANES) {
    const vector product = load(a + i) * load(b + i);
    sums[0] += c ? product * (load(c + i) * scale) : product;
  }
  goto *entries[n - i];
three:
  sums[3][0] += a[i + 2] * b[i + 2] * (c ? c[i + 2] * scale : 1.0f);
two:
  sums[2][0] += a[i + 1] * b[i + 1] * (c ? c[i + 1] * scale : 1.0f);
one:
  sums[1][0] += a[i] * b[i] * (c ? c[i] * scale : 1.0f);
none:
  return total(sums);
}

static void scale_row(const float *x, const float *weight, float scale, float *y, int64_t n) {
  static const void *const entries[LANES] = {&&none, &&one, &&two, &&three};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) store(y + i, load(x + i) * scale * load(weight + i));
  goto *entries[n - i];
three:
  y[i + 2] = x[i + 2] * scale * weight[i + 2];
two:
  y[i + 1] = x[i + 1] * scale * weight[i + 1];
one:
  y[i] = x[i] * scale * weight[i];
none:
  return;
}

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * dim;
    rstd[r] = 1.0f / sqrtf(sum_of_products(row, row, 0, 0, dim) / (float)dim + eps);
    scale_row(row, weight, rstd[r], y + r * dim, dim);
  }
  return 0;
}

int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim) {
  memset(dweight, 0, sizeof(float) * (size_t)dim);
  for (int64_t r = 0; r < rows; r++, dy += dim, x += dim, dx += dim) {
    const float scale = rstd[r], mean = sum_of_products(dy, weight, x, scale, dim) / (float)dim;
    int64_t d = 0;
    for (; d + LANES <= dim; d += LANES) {
      const vector normalised = load(x + d) * scale;
      store(dx + d, scale * (load(dy + d) * load(weight + d) - normalised * mean));
      store(dweight + d, load(dweight + d) + load(dy + d) * normalised);
    }
    for (; d < dim; d++) {
      const float normalised = x[d] * scale;
      dx[d] = scale * (dy[d] * weight[d] - normalised * mean);
      dweight[d] += dy[d] * normalised;
    }
  }
  return 0;
}
