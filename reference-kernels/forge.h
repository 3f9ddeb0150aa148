/*
 * What the references are written over: a storage type, an accumulation type, and sums whose order can be chosen.
 *
 * A reference is compiled many times: with float64 for both types it is the oracle, with the types of a variant it is the
 * yardstick, and with other orders of summation it shows how far honest results differ from each other. So every access to
 * a STORE goes through load and store, every sum through SUM, and every function of <math.h> through a macro below.
 *
 *   -DFORGE_STORE_F64 | F32 | BF16            element type in memory (default F32)
 *   -DFORGE_ACCUMULATE_F64 | F32              type of arithmetic and statistics (default F32)
 *   -DFORGE_ORDER=SERIAL | REVERSED | PAIRWISE | BLOCKED | SIMD     order of SUM (default SERIAL)
 *   -DFORGE_BLOCKS=8                          partial sums of BLOCKED (default 8)
 */
#ifndef FORGE_H
#define FORGE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(FORGE_ACCUMULATE_F64)
typedef double ACC;
#define EXP(x) exp(x)
#define LOG(x) log(x)
#define SQRT(x) sqrt(x)
#define TANH(x) tanh(x)
#define ERF(x) erf(x)
#define SIN(x) sin(x)
#define COS(x) cos(x)
#define POW(x, y) pow(x, y)
#else
typedef float ACC;
#define EXP(x) expf(x)
#define LOG(x) logf(x)
#define SQRT(x) sqrtf(x)
#define TANH(x) tanhf(x)
#define ERF(x) erff(x)
#define SIN(x) sinf(x)
#define COS(x) cosf(x)
#define POW(x, y) powf(x, y)
#endif

#if defined(FORGE_STORE_BF16)

/* The upper 16 bits of a float. */
typedef uint16_t STORE;

static inline ACC load(STORE value) {
  uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return (ACC)result;
}

/* Rounds to nearest, ties to even; a NaN stays a quiet NaN of the same sign. */
static inline STORE store(ACC value) {
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (STORE)((bits >> 16) | 0x40u);
  return (STORE)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#else

#if defined(FORGE_STORE_F64)
typedef double STORE;
#else
typedef float STORE;
#endif

static inline ACC load(STORE value) { return (ACC)value; }
static inline STORE store(ACC value) { return (STORE)value; }

#endif

#ifndef FORGE_ORDER
#define FORGE_ORDER SERIAL
#endif
#ifndef FORGE_BLOCKS
#define FORGE_BLOCKS 8
#endif

/*
 * SUM(result, i, n, expression): sets the ACC `result` to the sum of `expression` over int64_t i in [0, n), 0 where n is 0.
 * A statement, not an expression; the expression may contain commas, but no other SUM.
 */
#define SUM(result, i, n, ...) FORGE_PASTE(FORGE_SUM_, FORGE_ORDER)(result, i, n, (__VA_ARGS__))
#define FORGE_PASTE(left, right) FORGE_PASTE_EXPANDED(left, right)
#define FORGE_PASTE_EXPANDED(left, right) left##right

#define FORGE_SUM_SERIAL(result, i, n, expression)                        \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < (n); i++) forge_sum += expression;            \
    (result) = forge_sum;                                                 \
  } while (0)

#define FORGE_SUM_REVERSED(result, i, n, expression)                      \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = (n) - 1; i >= 0; i--) forge_sum += expression;       \
    (result) = forge_sum;                                                 \
  } while (0)

/* Element i goes to partial sum i % FORGE_BLOCKS, as in a kernel with that many vector lanes. */
#define FORGE_SUM_BLOCKED(result, i, n, expression)                       \
  do {                                                                    \
    ACC forge_partial[FORGE_BLOCKS] = {0};                                \
    for (int64_t i = 0; i < (n); i++) forge_partial[i % FORGE_BLOCKS] += expression; \
    ACC forge_sum = 0;                                                    \
    for (int forge_block = 0; forge_block < FORGE_BLOCKS; forge_block++) forge_sum += forge_partial[forge_block]; \
    (result) = forge_sum;                                                 \
  } while (0)

/* A stack of complete subtrees, like the bits of a binary counter: after element i, as many merge as i ends in ones. */
#define FORGE_SUM_PAIRWISE(result, i, n, expression)                      \
  do {                                                                    \
    ACC forge_stack[64];                                                  \
    int forge_depth = 0;                                                  \
    for (int64_t i = 0; i < (n); i++) {                                   \
      ACC forge_sum = expression;                                         \
      for (int64_t forge_bits = i; forge_bits & 1; forge_bits >>= 1) forge_sum = forge_stack[--forge_depth] + forge_sum; \
      forge_stack[forge_depth++] = forge_sum;                             \
    }                                                                     \
    ACC forge_total = 0;                                                  \
    while (forge_depth > 0) forge_total = forge_stack[--forge_depth] + forge_total; \
    (result) = forge_total;                                               \
  } while (0)

/* Whatever order the compiler's vectors give (-fopenmp or -fopenmp-simd). */
#define FORGE_SUM_SIMD(result, i, n, expression)                          \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    _Pragma("omp simd reduction(+:forge_sum)")                            \
    for (int64_t i = 0; i < (n); i++) forge_sum += expression;            \
    (result) = forge_sum;                                                 \
  } while (0)

/*
 * SUMS(result, j, first, end, i, n, expression, use): the same sums as
 *   for (int64_t j = first; j < end && j < first + LANES; j++) { ACC result; SUM(result, i, n, expression); use; }
 * but side by side, for arrays whose memory runs along j: down a column one element at a time, every access would miss the
 * cache. Stands in a loop whose step is LANES.
 */
#ifndef LANES
#define LANES 64
#endif
#define SUMS(result, j, first, end, i, n, expression, use) \
  FORGE_PASTE(FORGE_SUMS_, FORGE_ORDER)(result, j, first, end, i, n, (expression), use)

/* One statement for each lane; the lanes do not depend on each other. */
#define FORGE_EACH(j, first, statement)                                   \
  for (int64_t forge_lane = 0; forge_lane < forge_lanes; forge_lane++) {  \
    int64_t j = (first) + forge_lane;                                     \
    (void)j;                                                              \
    statement;                                                            \
  }
#define FORGE_LANES_OF(first, end) int64_t forge_lanes = (end) - (first) < LANES ? (end) - (first) : LANES
#define FORGE_USE_SUMS(result, j, first, use)                             \
  FORGE_EACH(j, first, ACC result = forge_sums[forge_lane]; use)

#define FORGE_SUMS_SERIAL(result, j, first, end, i, n, expression, use)   \
  do {                                                                    \
    FORGE_LANES_OF(first, end);                                           \
    ACC forge_sums[LANES] = {0};                                          \
    for (int64_t i = 0; i < (n); i++) FORGE_EACH(j, first, forge_sums[forge_lane] += expression) \
    FORGE_USE_SUMS(result, j, first, use)                                 \
  } while (0)

#define FORGE_SUMS_REVERSED(result, j, first, end, i, n, expression, use) \
  do {                                                                    \
    FORGE_LANES_OF(first, end);                                           \
    ACC forge_sums[LANES] = {0};                                          \
    for (int64_t i = (n) - 1; i >= 0; i--) FORGE_EACH(j, first, forge_sums[forge_lane] += expression) \
    FORGE_USE_SUMS(result, j, first, use)                                 \
  } while (0)

#define FORGE_SUMS_BLOCKED(result, j, first, end, i, n, expression, use)  \
  do {                                                                    \
    FORGE_LANES_OF(first, end);                                           \
    ACC forge_partial[FORGE_BLOCKS][LANES] = {{0}};                       \
    ACC forge_sums[LANES] = {0};                                          \
    for (int64_t i = 0; i < (n); i++) FORGE_EACH(j, first, forge_partial[i % FORGE_BLOCKS][forge_lane] += expression) \
    for (int forge_block = 0; forge_block < FORGE_BLOCKS; forge_block++)  \
      FORGE_EACH(j, first, forge_sums[forge_lane] += forge_partial[forge_block][forge_lane]) \
    FORGE_USE_SUMS(result, j, first, use)                                 \
  } while (0)

#define FORGE_SUMS_PAIRWISE(result, j, first, end, i, n, expression, use) \
  do {                                                                    \
    FORGE_LANES_OF(first, end);                                           \
    ACC forge_stack[40][LANES];                                           \
    ACC forge_sums[LANES] = {0};                                          \
    int forge_depth = 0;                                                  \
    for (int64_t i = 0; i < (n); i++, forge_depth++) {                    \
      FORGE_EACH(j, first, forge_stack[forge_depth][forge_lane] = expression) \
      for (int64_t forge_bits = i; forge_bits & 1; forge_bits >>= 1, forge_depth--) \
        FORGE_EACH(j, first, forge_stack[forge_depth - 1][forge_lane] += forge_stack[forge_depth][forge_lane]) \
    }                                                                     \
    while (forge_depth-- > 0) FORGE_EACH(j, first, forge_sums[forge_lane] = forge_stack[forge_depth][forge_lane] + forge_sums[forge_lane]) \
    FORGE_USE_SUMS(result, j, first, use)                                 \
  } while (0)

/* The lanes are the vector; each sum is in serial order. */
#define FORGE_SUMS_SIMD(result, j, first, end, i, n, expression, use)     \
  do {                                                                    \
    FORGE_LANES_OF(first, end);                                           \
    ACC forge_sums[LANES] = {0};                                          \
    for (int64_t i = 0; i < (n); i++) {                                   \
      _Pragma("omp simd")                                                 \
      FORGE_EACH(j, first, forge_sums[forge_lane] += expression)          \
    }                                                                     \
    FORGE_USE_SUMS(result, j, first, use)                                 \
  } while (0)

#endif
