/* Numbers in pairs of registers, for AVX-512 or AVX2, stored as f32 or (-DBF16) as bf16: all that a kernel needs of them. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef BF16
typedef forge_bf16 element;
#else
typedef float element;
#endif

#if defined(__AVX512F__) && (!defined(BF16) || (defined(__AVX512BW__) && defined(__AVX512BF16__)))
#define WIDE
typedef __m512 lanes;
#elif defined(__AVX2__) && defined(__FMA__)
typedef __m256 lanes;
#else
#error "This kernel needs AVX2 with FMA, or AVX-512 (at bf16 with AVX512-BW and AVX512-BF16): -march=native on such a machine."
#endif

/* Floats in a register, elements in a pair; registers that are worked on side by side. */
enum { WIDTH = sizeof(lanes) / sizeof(float), PAIR = 2 * WIDTH, TOGETHER = 2 };

/* At f32 they lie as in memory. At bf16 `a` has the even and `b` the odd ones: what one shift and one mask give. */
typedef struct {
  lanes a, b;
} pair;

#ifdef WIDE

static inline lanes all(float x) { return _mm512_set1_ps(x); }
static inline lanes muladd(lanes x, lanes y, lanes z) { return _mm512_fmadd_ps(x, y, z); }
static inline lanes negmuladd(lanes x, lanes y, lanes z) { return _mm512_fnmadd_ps(x, y, z); }
static inline float sum_of(lanes x) { return _mm512_reduce_add_ps(x); }
static inline lanes larger(lanes x, lanes y) { return _mm512_max_ps(x, y); }
static inline float largest_of(lanes x) { return _mm512_reduce_max_ps(x); }
static inline float first_of(lanes x) { return _mm512_cvtss_f32(x); }
static inline lanes power_of_two(lanes t) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 23)); }

#ifdef BF16

static inline pair widen(__m512i words) {
  return (pair){_mm512_castsi512_ps(_mm512_slli_epi32(words, 16)),
                _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000)))};
}

static inline __m512i narrow(pair x) {
  __m512i even = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x.a));
  __m512i odd = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x.b));
  return _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
}

static inline __mmask32 first(int64_t count) { return count >= 32 ? 0xffffffff : (1u << count) - 1; }
static inline pair load(const element *x) { return widen(_mm512_loadu_si512(x)); }
static inline pair load_first(const element *x, int64_t count) { return widen(_mm512_maskz_loadu_epi16(first(count), x)); }
static inline void store(element *to, pair x) { _mm512_storeu_si512(to, narrow(x)); }
static inline void store_first(element *to, int64_t count, pair x) { _mm512_mask_storeu_epi16(to, first(count), narrow(x)); }
static inline void stream(element *to, pair x) { _mm512_stream_si512((void *)to, narrow(x)); }

#else

static inline __mmask16 first(int64_t count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1); }
static inline pair load(const element *x) { return (pair){_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)}; }
static inline void store(element *to, pair x) {
  _mm512_storeu_ps(to, x.a);
  _mm512_storeu_ps(to + 16, x.b);
}
static inline pair load_first(const element *x, int64_t count) {
  return (pair){_mm512_maskz_loadu_ps(first(count), x), _mm512_maskz_loadu_ps(first(count - 16), x + 16)};
}
static inline void store_first(element *to, int64_t count, pair x) {
  _mm512_mask_storeu_ps(to, first(count), x.a);
  _mm512_mask_storeu_ps(to + 16, first(count - 16), x.b);
}
static inline void stream(element *to, pair x) {
  _mm512_stream_ps(to, x.a);
  _mm512_stream_ps(to + 16, x.b);
}

#endif

#else

static inline lanes all(float x) { return _mm256_set1_ps(x); }
static inline lanes muladd(lanes x, lanes y, lanes z) { return _mm256_fmadd_ps(x, y, z); }
static inline lanes negmuladd(lanes x, lanes y, lanes z) { return _mm256_fnmadd_ps(x, y, z); }
static inline lanes larger(lanes x, lanes y) { return _mm256_max_ps(x, y); }
static inline float first_of(lanes x) { return _mm256_cvtss_f32(x); }
static inline lanes power_of_two(lanes t) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 23)); }

static inline float sum_of(lanes x) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float largest_of(lanes x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#ifdef BF16

static inline pair load(const element *x) {
  __m256i words = _mm256_loadu_si256((const __m256i *)x);
  return (pair){_mm256_castsi256_ps(_mm256_slli_epi32(words, 16)),
                _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32((int)0xffff0000)))};
}

/* To the nearest bf16, in the upper half, ties to even. A NaN stays one: `plain` sees to it that its lower half has nothing to carry. */
static inline __m256i rounded(lanes x) {
  __m256i bits = _mm256_castps_si256(x);
  __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  return _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
}

static inline __m256i narrow(pair x) { return _mm256_blend_epi16(_mm256_srli_epi32(rounded(x.a), 16), rounded(x.b), 0xaa); }

static inline void store(element *to, pair x) { _mm256_storeu_si256((__m256i *)to, narrow(x)); }
static inline void stream(element *to, pair x) { _mm256_stream_si256((__m256i *)to, narrow(x)); }

#else

static inline pair load(const element *x) { return (pair){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)}; }
static inline void store(element *to, pair x) {
  _mm256_storeu_ps(to, x.a);
  _mm256_storeu_ps(to + 8, x.b);
}
static inline void stream(element *to, pair x) {
  _mm256_stream_ps(to, x.a);
  _mm256_stream_ps(to + 8, x.b);
}

#endif

static inline pair load_first(const element *x, int64_t count) {
  element some[PAIR] = {0};
  memcpy(some, x, (size_t)count * sizeof *x);
  return load(some);
}

static inline void store_first(element *to, int64_t count, pair x) {
  element some[PAIR];
  store(some, x);
  memcpy(to, some, (size_t)count * sizeof *to);
}

#endif

#ifdef BF16

static inline float value_of(element x) {
  uint32_t bits = (uint32_t)x << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline void store_one(element *to, float x) { store_first(to, 1, (pair){all(x), all(x)}); }

#else

static inline float value_of(element x) { return x; }
static inline void store_one(element *to, float x) { *to = x; }

#endif

static inline __attribute__((always_inline)) void load_some(const element *x, lanes *to, int count) {
  for (int i = 0; i < count; i += 2) {
    pair p = load(x + i * WIDTH);
    to[i] = p.a;
    to[i + 1] = p.b;
  }
}

static inline __attribute__((always_inline)) void stream_some(element *to, const lanes *x, int count) {
  for (int i = 0; i < count; i += 2) stream(to + i * WIDTH, (pair){x[i], x[i + 1]});
}

/* A NaN from outside may hold anything; those of bf16, and those that the processor makes, have empty lower halves. */
static inline float plain(float x) { return x == x ? x : NAN; }
