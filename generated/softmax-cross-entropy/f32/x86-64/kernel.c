/* Softmax cross-entropy: one pass over memory per entry; the exponential is a polynomial of degree six. */
#include "forge_kernel.h"
#include "lanes.h"

/* Classes between two looks at how large they are. */
enum { BLOCK = 4096, IGNORED = -100 };

/* Added to a number, leaves the nearest whole one in the lowest bits, and 127 more: the exponent of a float. */
static const float rounder = 0x1.8p+23f + 127;

#define EACH for (int i = 0; i < count; i++)

/*
 * exp(x) = p power for x <= 88, 0 below -88; NaN stays NaN. With x = n ln 2 + r, p is exp(r) and power 2^n. Several side by side, step by
 * step: in one alone each step would wait for the last.
 */
static inline __attribute__((always_inline)) void exponentials(const lanes *x, lanes *p, lanes *power, int count) {
  lanes r[TOGETHER];
  EACH r[i] = larger(all(-88.0f), x[i]);
  EACH power[i] = muladd(r[i], all(0x1.715476p+0f), all(rounder));
  EACH r[i] = negmuladd(power[i] - all(rounder), all(0x1.62e43p-1f), r[i]);
  EACH p[i] = muladd(all(1.3843607e-3f), r[i], all(8.374196e-3f));
  EACH p[i] = muladd(p[i], r[i], all(4.1668005e-2f));
  EACH p[i] = muladd(p[i], r[i], all(1.666643e-1f));
  EACH p[i] = muladd(p[i], r[i], all(4.9999994e-1f));
  EACH p[i] = muladd(p[i], r[i], all(1.0f));
  EACH p[i] = muladd(p[i], r[i], all(1.0f));
  EACH power[i] = power_of_two(power[i]);
}

static inline float exponential_of(float x) {
  lanes value = all(x), p, power;
  exponentials(&value, &p, &power, 1);
  return first_of(p * power);
}

static float largest(const element *x, int64_t count) {
  lanes most = all(-INFINITY);
  int64_t k = 0;
  for (; k + PAIR <= count; k += PAIR) {
    pair p = load(x + k);
    most = larger(most, larger(p.a, p.b));
  }
  float max = largest_of(most);
  for (; k < count; k++) max = value_of(x[k]) > max ? value_of(x[k]) : max;
  return max;
}

/* The sum of exp(x - shift); raises `max` to the largest x. */
static float sum_of_exponentials(const element *x, int64_t classes, float shift, float *max) {
  const int count = TOGETHER;
  lanes sums[TOGETHER], most = all(*max);
  EACH sums[i] = all(0);
  int64_t k = 0;
  for (; k + TOGETHER * WIDTH <= classes; k += TOGETHER * WIDTH) {
    lanes values[TOGETHER], p[TOGETHER], power[TOGETHER];
    load_some(x + k, values, TOGETHER);
    EACH most = larger(most, values[i]);
    EACH values[i] = values[i] - all(shift);
    exponentials(values, p, power, TOGETHER);
    EACH sums[i] = muladd(p[i], power[i], sums[i]);
  }
  for (int i = 1; i < count; i++) sums[0] = sums[0] + sums[i];
  float sum = sum_of(sums[0]);
  *max = largest_of(most);
  for (; k < classes; k++) {
    float value = value_of(x[k]);
    *max = value > *max ? value : *max;
    sum += exponential_of(value - shift);
  }
  return sum;
}

int cross_entropy_forward(const element *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const element *row = logits + r * classes;
    /* The shift is the maximum of the first block, and stays so while no later one is so much larger that the sum might overflow. */
    float max = -INFINITY, shift = max, sum = 0;
    for (int64_t first = 0; first < classes; first += BLOCK) {
      int64_t count = classes - first < BLOCK ? classes - first : BLOCK;
      if (shift == -INFINITY) shift = max = largest(row + first, count);
      if (shift == -INFINITY) continue;
      float here = sum_of_exponentials(row + first, count, shift, &max);
      if (max > shift + 32) {
        sum *= exponential_of(shift - max);
        shift = max;
        here = sum_of_exponentials(row + first, count, shift, &max);
      }
      sum += here;
    }
    lse[r] = max + logf(sum * exponential_of(shift - max));
    loss[r] = target[r] == IGNORED ? 0 : lse[r] - value_of(row[target[r]]);
  }
  return 0;
}

/* Of whole pairs, at most as many as fit together. */
static inline __attribute__((always_inline)) void gradients(lanes *x, lanes shift, lanes factor, int count) {
  lanes p[TOGETHER], power[TOGETHER];
  EACH x[i] = x[i] - shift;
  exponentials(x, p, power, count);
  EACH x[i] = p[i] * power[i] * factor;
}

/* Up to a pair. */
static inline void some_gradients(const element *from, element *to, int64_t left, lanes shift, lanes factor) {
  int64_t count = left < PAIR ? left : PAIR;
  pair x = load_first(from, count);
  lanes values[2] = {x.a, x.b};
  gradients(values, shift, factor, 2);
  store_first(to, count, (pair){values[0], values[1]});
}

int cross_entropy_backward(const element *logits, const int32_t *target, const float *lse, const float *dloss, element *dlogits,
                           int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const element *from = logits + r * classes;
    element *to = dlogits + r * classes;
    if (target[r] == IGNORED) {
      memset(to, 0, (size_t)classes * sizeof *to);
      continue;
    }
    lanes shift = all(plain(lse[r])), factor = all(plain(dloss[r]));
    /* Up to where the output is aligned, so that it can be written past the caches. */
    int64_t head = (int64_t)(-(uintptr_t)to & 63) / (int64_t)sizeof *to, k;
    if (head > classes) head = classes;
    for (k = 0; k < head; k += PAIR) some_gradients(from + k, to + k, head - k, shift, factor);
    for (k = head; k + TOGETHER * WIDTH <= classes; k += TOGETHER * WIDTH) {
      lanes values[TOGETHER];
      load_some(from + k, values, TOGETHER);
      gradients(values, shift, factor, TOGETHER);
      stream_some(to + k, values, TOGETHER);
    }
    for (; k < classes; k += PAIR) some_gradients(from + k, to + k, classes - k, shift, factor);
    store_one(to + target[r], (exponential_of(value_of(from[target[r]]) - lse[r]) - 1.0f) * dloss[r]);
  }
  return 0;
}
