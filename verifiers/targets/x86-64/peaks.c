/* Micro-kernels that reach the machine's peaks; called through the same session as any candidate. */
#include <stdint.h>
#include <immintrin.h>

/*
 * Vectors as wide as the chip's, and as many chains as its registers hold beside two operands: a wider vector goes through memory, which is
 * ten times slower than the peak. Two units with a latency of four cycles are kept busy by eight chains.
 */
#ifdef __AVX512F__
enum { CHAINS = 16, LANES = 16 };
#else
enum { CHAINS = 8, LANES = 8 };
#endif
/* Elements of an iteration, whatever the width: what peaks.ts counts with. */
enum { ELEMENTS = 256, REPEATS = ELEMENTS / (CHAINS * LANES) };
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));

/* 2 * ELEMENTS FLOP per iteration and thread. */
int peak_fma(const float *in, float *out, int64_t iterations) {
#pragma omp parallel for schedule(static, 1)
  for (int thread = 0; thread < FORGE_THREADS; thread++) {
    vector sum[CHAINS], factor = *(const vector *)in * 1e-3f, term = *(const vector *)in;
    for (int c = 0; c < CHAINS; c++) sum[c] = term + (float)c;
    for (int64_t i = 0; i < iterations * REPEATS; i++)
#pragma GCC unroll 16
      for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + term;
    vector total = sum[0];
    for (int c = 1; c < CHAINS; c++) total += sum[c];
    for (int l = 0; l < LANES; l++) out[thread * LANES + l] = total[l];
  }
  return 0;
}

/* 4 * ELEMENTS FLOP per iteration and thread where the chip has bf16 dot products; returns 1 where it has none. */
int peak_bf16(const float *in, float *out, int64_t iterations) {
#ifdef __AVX512BF16__
#pragma omp parallel for schedule(static, 1)
  for (int thread = 0; thread < FORGE_THREADS; thread++) {
    __m512 sum[CHAINS], start = _mm512_loadu_ps(in);
    __m512bh a = _mm512_cvtne2ps_pbh(start, start);
    for (int c = 0; c < CHAINS; c++) sum[c] = start;
    for (int64_t i = 0; i < iterations; i++)
#pragma GCC unroll 16
      for (int c = 0; c < CHAINS; c++) sum[c] = _mm512_dpbf16_ps(sum[c], a, a);
    __m512 total = sum[0];
    for (int c = 1; c < CHAINS; c++) total = _mm512_add_ps(total, sum[c]);
    _mm512_storeu_ps(out + thread * LANES, total);
  }
  return 0;
#else
  (void)in; (void)out; (void)iterations;
  return 1;
#endif
}

/* Every thread reads its own share of `floats` values, `passes` times. */
int peak_read(const float *in, float *out, int64_t floats, int64_t passes) {
#pragma omp parallel for schedule(static, 1)
  for (int thread = 0; thread < FORGE_THREADS; thread++) {
    int64_t share = floats / FORGE_THREADS / 128 * 128;
    const float *mine = in + thread * share;
    vector sum[8] = {0};
    for (int64_t p = 0; p < passes; p++) {
      for (int64_t i = 0; i < share; i += 8 * LANES)
#pragma GCC unroll 8
        for (int u = 0; u < 8; u++) sum[u] += *(const vector *)(mine + i + LANES * u);
      __asm__ volatile("" : : "r"(mine) : "memory");
    }
    vector total = sum[0];
    for (int u = 1; u < 8; u++) total += sum[u];
    for (int l = 0; l < LANES; l++) out[thread * LANES + l] = total[l];
  }
  return 0;
}

/* 8 bytes of traffic per value, as kernels count it. Streaming stores where there are any: no read for ownership. */
int peak_copy(const float *in, float *out, int64_t floats) {
#pragma omp parallel for schedule(static, 1)
  for (int thread = 0; thread < FORGE_THREADS; thread++) {
    int64_t share = floats / FORGE_THREADS / 16 * 16;
    for (int64_t i = thread * share; i < (thread + 1) * share; i += 16) {
#if defined(__AVX512F__)
      _mm512_stream_ps(out + i, _mm512_loadu_ps(in + i));
#elif defined(__AVX__)
      _mm256_stream_ps(out + i, _mm256_loadu_ps(in + i));
      _mm256_stream_ps(out + i + 8, _mm256_loadu_ps(in + i + 8));
#else
      for (int l = 0; l < 16; l++) out[i + l] = in[i + l];
#endif
    }
  }
  return 0;
}
