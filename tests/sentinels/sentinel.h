/*
 * What sentinels are made of, laid over a reference in place of forge.h: sums in orders and precisions that forge.h does not
 * have, and a way to round any value to fewer bits. Wrong on purpose where it says so.
 *
 *   -DSUM_ORDER=...  -DSUMS_ORDER=...   order of SUM and of SUMS, those of forge.h or those below (default SERIAL)
 *   -DLOWER_TO=BF16 | TF32              what LOWER rounds to (default: nothing)
 *   -DLOWER_INPUTS                      everything that load reads is lowered
 */
#ifndef SENTINEL_H
#define SENTINEL_H

#include "forge.h"

/* Both round to nearest, ties to even; infinities stay. TF32: NVIDIA, 10 explicit bits of mantissa. */
static inline float sentinel_round(float value, int bits) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  if ((word & 0x7f800000u) == 0x7f800000u) return value;
  word += ((1u << (bits - 1)) - 1u) + ((word >> bits) & 1u);
  word &= ~((1u << bits) - 1u);
  memcpy(&value, &word, sizeof word);
  return value;
}
#define SENTINEL_TO_BF16(x) sentinel_round((float)(x), 16)
#define SENTINEL_TO_TF32(x) sentinel_round((float)(x), 13)
#define SENTINEL_TO_NOTHING(x) (x)
#ifndef LOWER_TO
#define LOWER_TO NOTHING
#endif
#define LOWER(x) FORGE_PASTE(SENTINEL_TO_, LOWER_TO)(x)

#ifdef LOWER_INPUTS
#define load(x) LOWER((load)(x))
#endif

#ifndef SUM_ORDER
#define SUM_ORDER SERIAL
#endif
#ifndef SUMS_ORDER
#define SUMS_ORDER SERIAL
#endif
#ifndef CHUNK
#define CHUNK 16
#endif

#undef SUM
#define SUM(result, i, n, ...) FORGE_PASTE(FORGE_SUM_, SUM_ORDER)(result, i, n, (__VA_ARGS__))
#undef SUMS
#define SUMS(result, j, first, end, i, n, expression, use)                \
  for (int64_t j = (first); j < (end) && j < (first) + LANES; j++) {      \
    ACC result;                                                           \
    FORGE_PASTE(FORGE_SUM_, SUMS_ORDER)(result, i, n, (expression));      \
    use;                                                                  \
  }

/* Honest: the first term is where the sum starts, so a sum of negative zeros is one. */
#define FORGE_SUM_FIRST(result, i, n, expression)                         \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < (n); i++) {                                   \
      if (i == 0) forge_sum = expression;                                 \
      else forge_sum += expression;                                       \
    }                                                                     \
    (result) = forge_sum;                                                 \
  } while (0)

/* Honest: sums of CHUNK neighbours, added up. */
#define FORGE_SUM_CHUNKED(result, i, n, expression)                       \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t forge_start = 0; forge_start < (n); forge_start += CHUNK) { \
      ACC forge_part = 0;                                                 \
      for (int64_t i = forge_start; i < (n) && i < forge_start + CHUNK; i++) forge_part += expression; \
      forge_sum += forge_part;                                            \
    }                                                                     \
    (result) = forge_sum;                                                 \
  } while (0)

/* Honest: the left half plus the right half, all the way down. */
static inline ACC sentinel_halves(const ACC *values, int64_t count) {
  if (count <= 1) return count == 1 ? values[0] : 0;
  return sentinel_halves(values, count / 2) + sentinel_halves(values + count / 2, count - count / 2);
}
#define FORGE_SUM_HALVES(result, i, n, expression)                        \
  do {                                                                    \
    int64_t forge_count = (n);                                            \
    ACC forge_values[forge_count > 0 ? forge_count : 1];                  \
    for (int64_t i = 0; i < forge_count; i++) forge_values[i] = expression; \
    (result) = sentinel_halves(forge_values, forge_count);                \
  } while (0)

/* Honest: Kahan, "Further remarks on reducing truncation errors", 1965. */
#define FORGE_SUM_KAHAN(result, i, n, expression)                         \
  do {                                                                    \
    ACC forge_sum = 0, forge_lost = 0;                                    \
    for (int64_t i = 0; i < (n); i++) {                                   \
      ACC forge_term = expression - forge_lost;                           \
      ACC forge_next = forge_sum + forge_term;                            \
      forge_lost = (forge_next - forge_sum) - forge_term;                 \
      forge_sum = forge_next;                                             \
    }                                                                     \
    (result) = forge_sum;                                                 \
  } while (0)

/* Honest: terms in the accumulation type, their sum in float64. */
#define FORGE_SUM_DOUBLE(result, i, n, expression)                        \
  do {                                                                    \
    double forge_sum = 0;                                                 \
    for (int64_t i = 0; i < (n); i++) forge_sum += (double)expression;    \
    (result) = (ACC)forge_sum;                                            \
  } while (0)

/* Wrong: the accumulator is lowered after every addition. */
#define FORGE_SUM_LOWERED(result, i, n, expression)                       \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < (n); i++) forge_sum = LOWER(forge_sum + expression); \
    (result) = forge_sum;                                                 \
  } while (0)

/* Wrong: every term is lowered before it is added. */
#define FORGE_SUM_TERMS(result, i, n, expression)                         \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < (n); i++) forge_sum += LOWER(expression);     \
    (result) = forge_sum;                                                 \
  } while (0)

/* Wrong: summed in full precision, but what is carried from one block of CHUNK terms to the next is lowered. */
#define FORGE_SUM_CARRY(result, i, n, expression)                         \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < (n); i++) {                                   \
      if (i > 0 && i % CHUNK == 0) forge_sum = LOWER(forge_sum);          \
      forge_sum += expression;                                            \
    }                                                                     \
    (result) = forge_sum;                                                 \
  } while (0)

/* Wrong: the last of several terms is left out, as by a mask that is off by one. */
#define FORGE_SUM_SHORT(result, i, n, expression)                         \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < ((n) > 1 ? (n) - 1 : (n)); i++) forge_sum += expression; \
    (result) = forge_sum;                                                 \
  } while (0)

/* Wrong: the last of several terms is subtracted. */
#define FORGE_SUM_FLIPPED(result, i, n, expression)                       \
  do {                                                                    \
    ACC forge_sum = 0;                                                    \
    for (int64_t i = 0; i < (n); i++) {                                   \
      ACC forge_term = expression;                                        \
      forge_sum += i > 0 && i == (n) - 1 ? -forge_term : forge_term;      \
    }                                                                     \
    (result) = forge_sum;                                                 \
  } while (0)

#endif
