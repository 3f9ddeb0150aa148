/* Cross-entropy by 256-bit vectors: gradients are streamed past the caches, logits fetched ahead of their use. */
#include <immintrin.h>
#include <math.h>
#include "forge_kernel.h"

#define IGNORED (-100)
enum { WIDTH = 8, AHEAD = 256 };

/* exp(x) for x <= 88 by a polynomial (Cephes' expf); results below the least normal number go through two factors. */
static inline __m256 exp_of(__m256 x) {
  const __m256 low = _mm256_max_ps(x, _mm256_set1_ps(-150.0f));
  const __m256 power = _mm256_round_ps(_mm256_mul_ps(low, _mm256_set1_ps(1.44269504088896341f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256 r = _mm256_fmadd_ps(power, _mm256_set1_ps(2.12194440e-4f), _mm256_fnmadd_ps(power, _mm256_set1_ps(0.693359375f), low));
  __m256 tail = _mm256_set1_ps(1.9875691500e-4f);
  tail = _mm256_fmadd_ps(tail, r, _mm256_set1_ps(1.3981999507e-3f));
  tail = _mm256_fmadd_ps(tail, r, _mm256_set1_ps(8.3334519073e-3f));
  tail = _mm256_fmadd_ps(tail, r, _mm256_set1_ps(4.1665795894e-2f));
  tail = _mm256_fmadd_ps(tail, r, _mm256_set1_ps(1.6666665459e-1f));
  tail = _mm256_fmadd_ps(tail, r, _mm256_set1_ps(5.0000001201e-1f));
  const __m256 value = _mm256_add_ps(_mm256_set1_ps(1.0f), _mm256_fmadd_ps(_mm256_mul_ps(r, r), tail, r));
  const __m256i exponent = _mm256_cvtps_epi32(power), half = _mm256_srai_epi32(exponent, 1), bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(exponent, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(value, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

static float exp_of_one(float x) { return _mm256_cvtss_f32(exp_of(_mm256_set1_ps(x))); }

static float join(__m256 value, int largest) {
  float lanes[WIDTH], result;
  _mm256_storeu_ps(lanes, value);
  result = lanes[0];
  for (int l = 1; l < WIDTH; l++) result = largest ? fmaxf(result, lanes[l]) : result + lanes[l];
  return result;
}

static float log_sum_exp(const float *row, int64_t n) {
  __m256 largest = _mm256_set1_ps(row[0]), sum = _mm256_setzero_ps();
  int64_t c = 0;
  for (; c + WIDTH <= n; c += WIDTH) {
    _mm_prefetch((const char *)(row + c + AHEAD), _MM_HINT_T0);
    largest = _mm256_max_ps(largest, _mm256_loadu_ps(row + c));
  }
  float max = join(largest, 1);
  for (; c < n; c++) max = row[c] > max ? row[c] : max;
  for (c = 0; c + WIDTH <= n; c += WIDTH) sum = _mm256_add_ps(sum, exp_of(_mm256_sub_ps(_mm256_loadu_ps(row + c), _mm256_set1_ps(max))));
  float total = join(sum, 0);
  for (; c < n; c++) total += exp_of_one(row[c] - max);
  return max + logf(total);
}

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t r = 0; r < rows; r++) {
    lse[r] = log_sum_exp(logits + r * classes, classes);
    loss[r] = target[r] == IGNORED ? 0.0f : lse[r] - logits[r * classes + target[r]];
  }
  return 0;
}

static void gradient_of_row(const float *row, float lse, float factor, float *gradient, int64_t n) {
  int64_t c = 0;
  /* A streaming store wants an aligned address. */
  for (; c < n && ((uintptr_t)(gradient + c) & 31) != 0; c++) gradient[c] = exp_of_one(row[c] - lse) * factor;
  for (; c + WIDTH <= n; c += WIDTH) {
    _mm_prefetch((const char *)(row + c + AHEAD), _MM_HINT_NTA);
    const __m256 probability = exp_of(_mm256_sub_ps(_mm256_loadu_ps(row + c), _mm256_set1_ps(lse)));
    _mm256_stream_ps(gradient + c, _mm256_mul_ps(probability, _mm256_set1_ps(factor)));
  }
  for (; c < n; c++) gradient[c] = exp_of_one(row[c] - lse) * factor;
}

int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes) {
#pragma omp parallel num_threads(FORGE_THREADS)
  {
#pragma omp for schedule(static) nowait
    for (int64_t r = 0; r < rows; r++) {
      const float *row = logits + r * classes;
      gradient_of_row(row, lse[r], target[r] == IGNORED ? 0.0f : dloss[r], dlogits + r * classes, classes);
      _mm_sfence();
      if (target[r] != IGNORED) dlogits[r * classes + target[r]] = (exp_of_one(row[target[r]] - lse[r]) - 1.0f) * dloss[r];
    }
  }
  return 0;
}
