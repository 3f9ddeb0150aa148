import type { MachineClass, Peaks } from "../../../specs/contracts/target.js";
import type { WasmToolchain } from "./toolchain.js";

const giga = (value: number) => (value / 1e9).toFixed(value < 1e10 ? 2 : 0);

/** What whoever writes code for this chip should know, in Markdown. */
export function describeChip(machine: MachineClass, toolchain: WasmToolchain, peaks: Peaks): string {
  const rates = peaks.bytesPerSecond;
  const multiplyAdd = toolchain.relaxedSimd
    ? "Relaxed SIMD is there (`-mrelaxed-simd`): `wasm_f32x4_relaxed_madd` is one fused instruction; with `-ffp-contract=fast` clang finds it by itself."
    : "There is no fused multiply-add: relaxed SIMD is missing in this V8 or clang; a multiply-add is two instructions.";
  return `# wasm-simd: WebAssembly with 128-bit SIMD

- ${machine.cpuModel}; clang ${toolchain.version}, \`--target=wasm32 -msimd128\`; V8's optimising compiler only, compiled before the first call.
- One thread. No threads, no atomics, no OpenMP; \`#pragma omp simd\` is honoured.
- Vectors are 128 bits: 4 x f32 (\`<wasm_simd128.h>\`, \`v128_t\`). V8 has 16 vector registers on x86-64, so about 12 accumulators, then it spills.
- V8 hoists loads to the top of a loop body, and each takes a register: a body that only streams is fastest with about 4 loads and 4 accumulators (twice the rate of 8 and 8).
- Keep loop bodies to one moving pointer with constant offsets (\`__asm__("" : "+r"(p))\` stops clang from making an index that V8 cannot fold into the address).
- ${multiplyAdd}
- bf16 is storage only: widen with a shift by 16 (\`wasm_u32x4_extend_low_u16x8\`, \`wasm_i32x4_shl\`), compute in f32, round to nearest even when storing.
- Pointers are 32 bits, linear memory ends at 4 GiB, the stack has 8 MiB; sizes arrive as int64_t: copy them to int32_t or size_t for indices.
- C library and libm of wasi-libc, linked in statically (scalar expf, logf, sqrtf ...; \`sqrtf\` and \`wasm_f32x4_sqrt\` are instructions). C++ without its standard library, exceptions or static constructors.
- Nothing can be imported: files, clocks, printf and the like do not link or break the rules.
- Calls to memcpy and memset of more than a few bytes become \`memory.copy\` and \`memory.fill\`.

Measured peaks (one thread):

| what | value |
|---|---|
| f32 multiply-add | ${giga(peaks.flopsPerSecond.f32 ?? 0)} GFLOP/s |
| read, level 1 (${machine.cacheBytes.l1d >> 10} KiB) | ${giga(rates.l1)} GB/s |
| read, level 2 (${machine.cacheBytes.l2 >> 10} KiB) | ${giga(rates.l2)} GB/s |
| read, level 3 (${machine.cacheBytes.l3 >> 20} MiB) | ${giga(rates.l3)} GB/s |
| read, memory | ${giga(rates.dramRead)} GB/s |
| copy, memory (bytes read and written) | ${giga(rates.dramCopy)} GB/s |
`;
}
