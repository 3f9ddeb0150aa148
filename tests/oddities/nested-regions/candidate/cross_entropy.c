/* Cross-entropy in two levels: teams over rows, and within each a team over blocks of columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forge_kernel.h"

#define IGNORED (-100)
enum { BLOCK = 1024, LANES = 16 };

typedef struct {
  int outer, inner;
} teams;

/* As many rows at once as there are, and what threads are left for the columns. */
static teams share_threads(int64_t rows) {
  const int outer = rows < FORGE_THREADS ? (int)rows : FORGE_THREADS;
  return (teams){outer, FORGE_THREADS / outer};
}

/* exp(x) for x <= 88 by a polynomial (Cephes' expf); results below the least normal number go through two factors. */
static inline float exp_of(float x) {
  const float low = x < -150.0f ? -150.0f : x;
  const float power = rintf(low * 1.44269504088896341f);
  const float r = low - power * 0.693359375f + power * 2.12194440e-4f;
  const float tail = 5.0000001201e-1f + r * (1.6666665459e-1f + r * (4.1665795894e-2f + r * (8.3334519073e-3f + r * (1.3981999507e-3f + r * 1.9875691500e-4f))));
  const float value = 1.0f + (r + r * r * tail);
  const int32_t exponent = (int32_t)power, half = exponent / 2;
  const int32_t first = (half + 127) << 23, second = (exponent - half + 127) << 23;
  float factors[2];
  memcpy(&factors[0], &first, sizeof first);
  memcpy(&factors[1], &second, sizeof second);
  return value * factors[0] * factors[1];
}

typedef struct {
  float max, sum;
} block_sum;

static block_sum sum_block(const float *x, int64_t n) {
  float largest = x[0];
  for (int64_t c = 1; c < n; c++) largest = x[c] > largest ? x[c] : largest;
  /* A block of minus infinities adds nothing. */
  if (largest == -INFINITY) return (block_sum){largest, 0};
  float lanes[LANES] = {0};
  int64_t c = 0;
  for (; c + LANES <= n; c += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] += exp_of(x[c + l] - largest);
  for (int l = 0; c + l < n; l++) lanes[l] += exp_of(x[c + l] - largest);
  float sum = 0;
  for (int l = 0; l < LANES; l++) sum += lanes[l];
  return (block_sum){largest, sum};
}

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
  const teams shared = share_threads(rows);
  const int64_t blocks = (classes + BLOCK - 1) / BLOCK;
  block_sum *sums = malloc(sizeof(block_sum) * (size_t)(rows * blocks));
  if (!sums) return 1;
#pragma omp parallel for schedule(static) num_threads(shared.outer)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    block_sum *of_row = sums + r * blocks;
#pragma omp parallel for schedule(static) num_threads(shared.inner)
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t first = b * BLOCK;
      of_row[b] = sum_block(row + first, classes - first < BLOCK ? classes - first : BLOCK);
    }
    float max = of_row[0].max, sum = 0;
    for (int64_t b = 1; b < blocks; b++) max = of_row[b].max > max ? of_row[b].max : max;
    for (int64_t b = 0; b < blocks; b++) sum += of_row[b].sum * exp_of(of_row[b].max - max);
    lse[r] = max + logf(sum);
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - row[target[r]];
  }
  free(sums);
  return 0;
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes) {
  const teams shared = share_threads(rows);
#pragma omp parallel for schedule(static) num_threads(shared.outer)
  for (int64_t r = 0; r < rows; r++) {
    const float *row = logits + r * classes;
    float *gradient = dlogits + r * classes;
    const int ignored = target[r] == IGNORED;
#pragma omp parallel for schedule(static) num_threads(shared.inner)
    for (int64_t c = 0; c < classes; c++) gradient[c] = ignored ? 0.0f : exp_of(row[c] - lse[r]) * dloss[r];
    if (!ignored) gradient[target[r]] = (exp_of(row[target[r]] - lse[r]) - 1.0f) * dloss[r];
  }
  return 0;
}
