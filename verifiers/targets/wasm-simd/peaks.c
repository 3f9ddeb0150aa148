// What the machine can do through WASM at best: multiply-add, reads from each memory level, copy.
#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>

#ifdef __wasm_relaxed_simd__
#define MULTIPLY_ADD(a, b, c) wasm_f32x4_relaxed_madd(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#endif

// 12 independent chains hide a latency of 4 on 2 or 3 units and still fit 16 registers. 96 FLOPs per iteration.
int peak_multiply_add(const float *in, float *out, int64_t iterations) {
  const v128_t a = wasm_v128_load32_splat(in), b = wasm_v128_load32_splat(in + 1);
  v128_t s0 = a, s1 = b, s2 = a, s3 = b, s4 = a, s5 = b, s6 = a, s7 = b, s8 = a, s9 = b, s10 = a, s11 = b;
  for (int32_t left = (int32_t)iterations; left > 0; left--) {
    s0 = MULTIPLY_ADD(s0, a, b);
    s1 = MULTIPLY_ADD(s1, a, b);
    s2 = MULTIPLY_ADD(s2, a, b);
    s3 = MULTIPLY_ADD(s3, a, b);
    s4 = MULTIPLY_ADD(s4, a, b);
    s5 = MULTIPLY_ADD(s5, a, b);
    s6 = MULTIPLY_ADD(s6, a, b);
    s7 = MULTIPLY_ADD(s7, a, b);
    s8 = MULTIPLY_ADD(s8, a, b);
    s9 = MULTIPLY_ADD(s9, a, b);
    s10 = MULTIPLY_ADD(s10, a, b);
    s11 = MULTIPLY_ADD(s11, a, b);
  }
  const v128_t low = wasm_f32x4_add(wasm_f32x4_add(wasm_f32x4_add(s0, s1), wasm_f32x4_add(s2, s3)), wasm_f32x4_add(s4, s5));
  const v128_t high = wasm_f32x4_add(wasm_f32x4_add(wasm_f32x4_add(s6, s7), wasm_f32x4_add(s8, s9)), wasm_f32x4_add(s10, s11));
  wasm_v128_store(out, wasm_f32x4_add(low, high));
  return 0;
}

// `floats` is a multiple of 16; every 16 bytes are read once per pass. Four chains: V8 hoists loads, with eight it spills and halves the rate.
int peak_read(const float *in, float *out, int64_t floats, int64_t passes) {
  v128_t s0 = wasm_f32x4_splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (int32_t pass = (int32_t)passes; pass > 0; pass--) {
    for (const float *p = in, *end = in + (int32_t)floats; p != end; p += 16) {
      __asm__("" : "+r"(p)); // keeps clang from an index that V8 cannot fold into the load's address
      s0 = wasm_f32x4_add(s0, wasm_v128_load(p));
      s1 = wasm_f32x4_add(s1, wasm_v128_load(p + 4));
      s2 = wasm_f32x4_add(s2, wasm_v128_load(p + 8));
      s3 = wasm_f32x4_add(s3, wasm_v128_load(p + 12));
    }
  }
  wasm_v128_store(out, wasm_f32x4_add(wasm_f32x4_add(s0, s1), wasm_f32x4_add(s2, s3)));
  return 0;
}

// With plain stores, and with the memory.copy instruction: whichever is faster on this machine.
int peak_copy_vectors(const float *in, float *out, int64_t floats) {
  for (int32_t i = 0; i < (int32_t)floats; i += 16) {
    wasm_v128_store(out + i, wasm_v128_load(in + i));
    wasm_v128_store(out + i + 4, wasm_v128_load(in + i + 4));
    wasm_v128_store(out + i + 8, wasm_v128_load(in + i + 8));
    wasm_v128_store(out + i + 12, wasm_v128_load(in + i + 12));
  }
  return 0;
}

int peak_copy_bulk(const float *in, float *out, int64_t floats) {
  memcpy(out, in, (size_t)floats * sizeof(float));
  return 0;
}
