/* Micro-kernels that reach the machine's peaks; called through the same session as any candidate. */
#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

enum { CHAINS = 16, LANES = 16 };
typedef float vector __attribute__((vector_size(64), aligned(4)));

/* 2 * CHAINS * LANES FLOP per iteration and thread. */
int peak_fma(const float *in, float *out, int64_t iterations) {
#pragma omp parallel for schedule(static, 1)
  for (int thread = 0; thread < FORGE_THREADS; thread++) {
    vector sum[CHAINS], factor = *(const vector *)in * 1e-3f, term = *(const vector *)in;
    for (int c = 0; c < CHAINS; c++) sum[c] = term + (float)c;
    for (int64_t i = 0; i < iterations; i++)
#pragma GCC unroll 16
      for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + term;
    vector total = sum[0];
    for (int c = 1; c < CHAINS; c++) total += sum[c];
    for (int l = 0; l < LANES; l++) out[thread * LANES + l] = total[l];
  }
  return 0;
}

/* 4 * CHAINS * LANES FLOP per iteration and thread where the chip has bf16 dot products; returns 1 where it has none. */
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
      for (int64_t i = 0; i < share; i += 128)
#pragma GCC unroll 8
        for (int u = 0; u < 8; u++) sum[u] += *(const vector *)(mine + i + 16 * u);
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
#ifdef __AVX512F__
      _mm512_stream_ps(out + i, _mm512_loadu_ps(in + i));
#else
      *(vector *)(out + i) = *(const vector *)(in + i);
#endif
    }
  }
  return 0;
}
