/* RMSNorm, sums in f32: rows go to the threads in blocks; every sum is held in partial sums, one for each lane. */
#include "forge_kernel.h"
#include "lanes.h"
#include <stdlib.h>

/* An output of so many bytes is larger than the caches, and is written past them. */
enum { STREAMED = 8 << 20 };

/* Rows whose part of dweight is added up by itself: a long sum loses its last bits. */
enum { CARRIED = 64 };

static inline int is_streamed(const element *to, int64_t rows, int64_t dim) {
  return rows * dim * (int64_t)sizeof *to >= STREAMED && dim % PAIR == 0 && ((uintptr_t)to & 63) == 0;
}

static inline void put(element *to, int64_t count, pair x, int streamed) {
  if (streamed) stream(to, x);
  else if (count == PAIR) store(to, x);
  else store_first(to, count, x);
}

static inline pair get(const element *x, int64_t count) { return count == PAIR ? load(x) : load_first(x, count); }

static inline float sum_of_squares(const element *x, int64_t dim) {
  lanes a = all(0), b = a, c = a, d = a;
  int64_t k = 0;
  for (; k + 2 * PAIR <= dim; k += 2 * PAIR) {
    pair p = load(x + k), q = load(x + k + PAIR);
    a = muladd(p.a, p.a, a);
    b = muladd(p.b, p.b, b);
    c = muladd(q.a, q.a, c);
    d = muladd(q.b, q.b, d);
  }
  for (; k < dim; k += PAIR) {
    pair p = get(x + k, dim - k < PAIR ? dim - k : PAIR);
    a = muladd(p.a, p.a, a);
    b = muladd(p.b, p.b, b);
  }
  return sum_of((a + b) + (c + d));
}

static inline void scaled(const element *x, const element *weight, element *y, int64_t count, lanes factor, int streamed) {
  pair p = get(x, count), w = get(weight, count);
  put(y, count, (pair){p.a * factor * w.a, p.b * factor * w.b}, streamed);
}

int rmsnorm_forward(const element *x, const element *weight, element *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  int streamed = is_streamed(y, rows, dim);
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < rows; r++) {
    const element *from = x + r * dim;
    element *to = y + r * dim;
    float scale = plain(1.0f / sqrtf(sum_of_squares(from, dim) / (float)dim + eps));
    rstd[r] = scale;
    lanes factor = all(scale);
    int64_t k = 0;
    for (; k + 2 * PAIR <= dim; k += 2 * PAIR) {
      fetch_two(from + dim + k);
      scaled(from + k, weight + k, to + k, PAIR, factor, streamed);
      scaled(from + k + PAIR, weight + k + PAIR, to + k + PAIR, PAIR, factor, streamed);
    }
    for (; k < dim; k += PAIR) scaled(from + k, weight + k, to + k, dim - k < PAIR ? dim - k : PAIR, factor, streamed);
  }
  return 0;
}

static inline lanes multiplied(const element *dy, const element *x, const element *weight, int64_t count, lanes product) {
  pair g = get(dy, count), p = get(x, count), w = get(weight, count);
  return muladd(g.b * w.b, p.b, muladd(g.a * w.a, p.a, product));
}

static inline void differentiated(const element *dy, const element *x, const element *weight, lanes scale, lanes share, element *dx,
                                  float *sums, int64_t count, int streamed) {
  pair g = get(dy, count), n = get(x, count), w = get(weight, count);
  n.a *= scale;
  n.b *= scale;
  store_floats(sums, muladd(g.a, n.a, load_floats(sums)));
  store_floats(sums + WIDTH, muladd(g.b, n.b, load_floats(sums + WIDTH)));
  put(dx, count, (pair){scale * negmuladd(n.a, share, g.a * w.a), scale * negmuladd(n.b, share, g.b * w.b)}, streamed);
}

/* One row: dx, and its part of dweight added to `sums`, which are in pairs as elements are. */
static void backward_row(const element *dy, const element *x, const element *weight, float rstd, element *dx, float *sums, int64_t dim,
                         int streamed) {
  lanes product = all(0), second = product;
  int64_t k = 0;
  for (; k + 2 * PAIR <= dim; k += 2 * PAIR) {
    product = multiplied(dy + k, x + k, weight + k, PAIR, product);
    second = multiplied(dy + k + PAIR, x + k + PAIR, weight + k + PAIR, PAIR, second);
  }
  for (; k < dim; k += PAIR) product = multiplied(dy + k, x + k, weight + k, dim - k < PAIR ? dim - k : PAIR, product);
  lanes scale = all(rstd), share = all(sum_of(product + second) * rstd / (float)dim);
  for (k = 0; k + 2 * PAIR <= dim; k += 2 * PAIR) {
    fetch_two(dy + dim + k);
    fetch_two(x + dim + k);
    differentiated(dy + k, x + k, weight + k, scale, share, dx + k, sums + k, PAIR, streamed);
    differentiated(dy + k + PAIR, x + k + PAIR, weight + k + PAIR, scale, share, dx + k + PAIR, sums + k + PAIR, PAIR, streamed);
  }
  for (; k < dim; k += PAIR)
    differentiated(dy + k, x + k, weight + k, scale, share, dx + k, sums + k, dim - k < PAIR ? dim - k : PAIR, streamed);
}

int rmsnorm_backward(const element *dy, const element *x, const element *weight, const float *rstd, element *dx, element *dweight,
                     int64_t rows, int64_t dim) {
  int streamed = is_streamed(dx, rows, dim);
  int64_t width = (dim + PAIR - 1) / PAIR * PAIR;
  int64_t parts = rows < FORGE_THREADS * CARRIED ? 1 : FORGE_THREADS;
  float *sums = aligned_alloc(64, (size_t)(2 * parts * width) * sizeof *sums);
  if (!sums) return 1;
  memset(sums, 0, (size_t)(2 * parts * width) * sizeof *sums);
#pragma omp parallel for schedule(static) num_threads(FORGE_THREADS)
  for (int64_t part = 0; part < parts; part++) {
    float *total = sums + 2 * part * width, *block = total + width;
    int64_t last = rows * (part + 1) / parts;
    for (int64_t first = rows * part / parts; first < last; first += CARRIED) {
      int64_t end = last < first + CARRIED ? last : first + CARRIED;
      for (int64_t r = first; r < end; r++)
        backward_row(dy + r * dim, x + r * dim, weight, plain(rstd[r]), dx + r * dim, block, dim, streamed);
      for (int64_t k = 0; k < width; k += WIDTH) {
        store_floats(total + k, load_floats(total + k) + load_floats(block + k));
        store_floats(block + k, all(0));
      }
    }
  }
  for (int64_t part = 1; part < parts; part++)
    for (int64_t k = 0; k < width; k++) sums[k] += sums[2 * part * width + k];
  for (int64_t k = 0; k < dim; k += PAIR)
    put(dweight + k, dim - k < PAIR ? dim - k : PAIR, (pair){load_floats(sums + k), load_floats(sums + k + WIDTH)}, 0);
  free(sums);
  return 0;
}
