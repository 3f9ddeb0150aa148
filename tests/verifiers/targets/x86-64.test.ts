import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import type { Target } from "../../../specs/contracts/target.js";
import { createX86Target } from "../../../verifiers/targets/x86-64/target.js";
import { describeTarget } from "./conformance.js";
import { kernels, signature } from "./conformance-kernels.js";
import { type Change, scaleBench } from "./x86-64-scale.js";

describeTarget("x86-64", createX86Target);

const compilers = ["gcc", "clang"] as const;

describe("x86-64 alone", () => {
  const cacheDirectory = mkdtempSync(join(tmpdir(), "forge-x86-test-"));
  const target: Target = createX86Target({ sandbox: createSandbox({ unsafe: false }), cacheDirectory });
  afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

  const { build, run } = scaleBench(target);

  const lawsOf = async (text: string, change: Change = {}) =>
    (await target.inspect(await build(text, change))).oddities.map(({ law, detail }) => `${law}: ${detail}`);

  it.each([
    ["y[n] = 1;", "guarded-end", "touched byte 0 past the end of y"],
    ["y[-1] = 1;", "guarded-start", "touched byte 4 before the start of y"],
    ["y[0] = ((volatile const float *)x)[n];", "guarded-end", "touched byte 0 past the end of x"],
    ["y[0] = ((volatile const float *)x)[-2];", "guarded-start", "touched byte 8 before the start of x"],
    ["((float *)x)[3] = 1;", "guarded-end", "wrote to the input x"],
    ["((float *)x)[3] = 1;", "plain", "wrote to the input x"],
  ] as const)("names the buffer for %s in %s memory", async (body, memory, detail) => {
    expect((await run(body, memory)).report).toEqual({ status: "crashed", detail: expect.stringContaining(detail) });
  });

  it("names the signal where no buffer is involved", async () => {
    expect((await run("*(volatile int *)16 = 1;")).report).toEqual({ status: "crashed", detail: expect.stringContaining("SIGSEGV") });
    expect((await run("volatile int zero = 0, seven = 7; y[0] = (float)(seven / zero);")).report).toEqual({
      status: "crashed",
      detail: expect.stringContaining("SIGFPE"),
    });
  });

  it("becomes no other program", async () => {
    const source = `#include <errno.h>
#include <stdint.h>
#include <unistd.h>
int scale(const float *x, float *y, int64_t n, float s) {
  char *const none[] = {0};
  (void)x; (void)n; (void)s;
  y[0] = (float)execve("/bin/true", none, none);
  y[1] = (float)errno;
  return 0;
}`;
    const { report, values } = await run(source);
    expect(report).toMatchObject({ status: "returned", code: 0 });
    expect([values[0], values[1]]).toEqual([-1, 1]); // EPERM
  });

  it("blames itself where a call does not fit what is bound, and the candidate where an entry is missing", async () => {
    const artifact = await build("y[0] = 1;");
    const other = { ...signature("scale"), name: "elsewhere" };
    const session = await target.open({
      libraries: [artifact],
      entries: [signature("scale"), other],
      threads: 1,
      memory: "plain",
      wallMs: 60_000,
    });
    try {
      const call = { library: 0, entry: "scale", set: 0, sizes: { n: 37 }, scalars: { s: 2 }, poison: 1 };
      await session.bind("scale", [148, 148], 1);
      await expect(session.call({ ...call, set: 5 })).rejects.toThrow("does not fit what is bound");
      await expect(session.call({ ...call, library: 3 })).rejects.toThrow("does not fit what is bound");
      await session.bind("elsewhere", [148, 148], 1);
      const report = await session.call({ ...call, entry: "elsewhere" });
      expect(report).toEqual({ status: "crashed", detail: expect.stringContaining("lacks the entry") });
    } finally {
      await session.close();
    }
  });

  describe.each(compilers)("with %s", (compiler) => {
    it("builds and runs", async () => {
      const { report, values } = await run(`#include <stdint.h>\n${kernels.scale}`, "plain", { compiler });
      expect(report).toMatchObject({ status: "returned", code: 0 });
      expect(values[36]).toBe(73);
    });

    it("builds C++ with extern C entries", async () => {
      const source = `#include <stdint.h>
template <typename T> static T twice(T value) { return value + value; }
extern "C" int scale(const float *x, float *y, int64_t n, float) { for (int64_t i = 0; i < n; i++) y[i] = twice(x[i]); return 0; }`;
      expect((await run(source, "plain", { compiler, language: "c++" })).values[3]).toBe(6);
    });

    it("runs OpenMP on the threads that it is given, and they are counted", async () => {
      const source = `#include <stdint.h>
#include <omp.h>
int scale(const float *x, float *y, int64_t n, float s) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < n; i++) y[i] = s * x[i] + 100.0f * (float)omp_get_num_threads();
  return 0;
}`;
      const openmp = { compiler, flags: ["-fopenmp"], linkFlags: ["-fopenmp"], threads: 2 };
      for (const memory of ["plain", "guarded-end"] as const) {
        const { report, values } = await run(source, memory, openmp);
        expect(report).toMatchObject({ status: "returned", code: 0, threads: 2 });
        expect(values[5]).toBe(210);
      }
      const { imports, libraries, oddities } = await target.inspect(await build(source, openmp));
      expect(oddities).toEqual([]);
      expect(imports.filter((name) => !["libc", "libm", "openmp"].some((library) => target.importAllowed(library, name)))).toEqual([]);
      expect(libraries.filter((file) => !["libc", "libm", "openmp"].some((library) => target.libraryAllowed(library, file)))).toEqual([]);
      expect(libraries.some((file) => target.libraryAllowed("openmp", file))).toBe(true);
    });

    it("catches by sanitizer what no guard page sees: an overflow on the heap, one on the stack, a signed one", async () => {
      const heap = `#include <stdint.h>
#include <stdlib.h>
int scale(const float *x, float *y, int64_t n, float s) {
  (void)s;
  float *own = malloc((size_t)n * sizeof *own);
  if (!own) return 1;
  for (int64_t i = 0; i <= n; i++) ((volatile float *)own)[i] = x[0];
  y[0] = own[0];
  free(own);
  return 0;
}`;
      expect((await run(heap, "guarded-end", { compiler })).report).toMatchObject({ status: "returned" });
      const caught = async (source: string) => (await run(source, "sanitized", { compiler })).report;
      expect(await caught(heap)).toEqual({ status: "crashed", detail: expect.stringContaining("heap-buffer-overflow") });
      const stack = "  volatile float here[8];\n  for (int64_t i = 0; i < n; i++) here[i] = x[i];\n  y[0] = here[0];";
      expect(await caught(stack)).toEqual({ status: "crashed", detail: expect.stringMatching(/out of bounds|stack-buffer-overflow/) });
      const signed = "  int big = 2147483647 - (int)s;\n  y[0] = (float)(big + (int)n);";
      expect(await caught(signed)).toEqual({ status: "crashed", detail: expect.stringContaining("signed integer overflow") });
    });

    it("leaves an honest kernel with threads and allocations alone under the sanitizers", async () => {
      const source = `#include <stdint.h>
#include <stdlib.h>
int scale(const float *x, float *y, int64_t n, float s) {
  float *own = malloc((size_t)n * sizeof *own);
  if (!own) return 1;
#pragma omp parallel for
  for (int64_t i = 0; i < n; i++) own[i] = s * x[i];
  for (int64_t i = 0; i < n; i++) y[i] = own[i];
  free(own);
  return 0;
}`;
      const { report, values } = await run(source, "sanitized", { compiler, flags: ["-fopenmp"], linkFlags: ["-fopenmp"], threads: 2 });
      expect(report).toMatchObject({ status: "returned", code: 0, inputsChanged: false });
      expect(values[36]).toBe(72);
    });

    it("finds code that runs before the call, system calls and clocks in the object", async () => {
      expect(await lawsOf(`#include <stdint.h>\n${kernels.scale}`, { compiler })).toEqual([]);
      expect(await lawsOf(`#include <stdint.h>\n${kernels.constructed.replaceAll("constructed", "scale")}`, { compiler })).toEqual([
        expect.stringContaining("no code before the call"),
      ]);
      const systemCall =
        '  long result;\n  __asm__ volatile("syscall" : "=a"(result) : "a"(39L) : "rcx", "r11", "memory");\n  y[0] = (float)result;';
      expect(await lawsOf(systemCall, { compiler })).toEqual(["no system calls of its own: instruction syscall in scale"]);
      expect(await lawsOf("  y[0] = (float)__builtin_ia32_rdtsc();", { compiler })).toEqual(["no clocks: instruction rdtsc in scale"]);
    });
  });

  it("finds code that is put into the sections which run when an object is loaded", async () => {
    const early = `#include <stdint.h>
__asm__(".section .init,\\"ax\\",@progbits\\n  nop\\n  nop\\n  nop\\n  nop\\n  nop\\n  nop\\n  nop\\n  nop\\n.text");
${kernels.scale}`;
    expect(await lawsOf(early)).toEqual([expect.stringContaining("no code before the call")]);
    const asStartFile = `#include <stdint.h>\nvoid __gmon_start__(void) { __asm__ volatile("nop"); }\n${kernels.scale}`;
    expect((await lawsOf(asStartFile)).join("; ")).toContain("__gmon_start__, which start files call");
    const exits = `#include <stdint.h>\n__attribute__((destructor)) static void finish(void) { __asm__ volatile("nop"); }\n${kernels.scale}`;
    // What runs when the library goes has nothing left to spoil: outputs have been taken by then.
    expect(await lawsOf(exits)).toEqual([]);
  });

  it("lets nothing but the entries out of the object", async () => {
    const source = `#include <stdint.h>
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) { (void)from; (void)bytes; return to; }
int clock_gettime(int clock, void *time) { (void)clock; (void)time; return 0; }
int helper(void) { return 3; }
int scale(const float *x, float *y, int64_t n, float s) { (void)x; (void)n; (void)s; y[0] = (float)helper(); return 0; }`;
    const artifact = await build(source, { flags: ["-fno-builtin"] });
    expect((await target.inspect(artifact)).exports).toEqual(["scale"]);
    const { report, values } = await run(source, "plain", { flags: ["-fno-builtin"] });
    expect(report).toMatchObject({ status: "returned", code: 0 });
    expect((report as { durationNs: number }).durationNs).toBeGreaterThan(0);
    expect(values[0]).toBe(3);
  });

  it("reports changed floating-point control words, by the call or by loading", async () => {
    const inCall = `#include <stdint.h>
#include <immintrin.h>
int scale(const float *x, float *y, int64_t n, float s) { (void)n; _mm_setcsr(_mm_getcsr() | 0x8040); y[0] = s * x[0]; return 0; }`;
    expect((await run(inCall)).report).toMatchObject({ status: "returned", controlWordChanged: true });
    const atLoad = `#include <stdint.h>
#include <immintrin.h>
__attribute__((constructor)) static void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
int scale(const float *x, float *y, int64_t n, float s) { (void)n; y[0] = s * x[0]; return 0; }`;
    expect((await run(atLoad)).report).toMatchObject({ status: "returned", controlWordChanged: true });
    const rounding = `#include <stdint.h>
int scale(const float *x, float *y, int64_t n, float s) { (void)n; uint16_t word = 0x0f7f; __asm__ volatile("fldcw %0" : : "m"(word)); y[0] = s * x[0]; return 0; }`;
    expect((await run(rounding)).report).toMatchObject({ status: "returned", controlWordChanged: true });
    expect((await run("  y[0] = x[1] / 3.0f;")).report).toMatchObject({ status: "returned", controlWordChanged: false });
  });

  it("does not flush subnormals because -ffast-math stood on the link line", async () => {
    const { report, values } = await run("  y[0] = x[1] * 1e-30f * s * 1e-10f;", "plain", { flags: ["-O0"], linkFlags: ["-ffast-math"] });
    const noticed = report.status === "returned" && report.controlWordChanged;
    expect(noticed || values[0]! > 0).toBe(true);
  });

  it("counts a thread that is left over", async () => {
    const source = `#include <stdint.h>
#include <pthread.h>
#include <unistd.h>
static void *wait(void *nothing) { sleep(30); return nothing; }
int scale(const float *x, float *y, int64_t n, float s) {
  (void)n; (void)s;
  pthread_t thread;
  y[0] = x[0];
  return pthread_create(&thread, 0, wait, 0);
}`;
    expect((await run(source)).report).toMatchObject({ status: "returned", code: 0, threads: 2 });
    const { imports } = await target.inspect(await build(source));
    expect(imports).toContain("pthread_create");
    expect(["libc", "libm", "openmp"].some((library) => target.importAllowed(library, "pthread_create"))).toBe(false);
  });

  it("has no timers, files, processes or loaders among what may be imported", () => {
    const dangerous = ["clock_gettime", "gettimeofday", "open", "read", "write", "socket", "dlopen", "dlsym", "mmap", "mprotect", "fork"];
    const dodges = ["__memcpy_chk2", "sqrtf_fake", "GOMP", "expf ", "syscall", "getenv", "exit", "_exit", "pthread_create"];
    for (const symbol of [...dangerous, ...dodges])
      for (const library of ["libc", "libm", "openmp"]) expect([symbol, target.importAllowed(library, symbol)]).toEqual([symbol, false]);
  });

  it("cannot be fooled by what is printed or by a forged frame on the channel", async () => {
    const source = `#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <string.h>
int scale(const float *x, float *y, int64_t n, float s) {
  (void)x; (void)y; (void)n; (void)s;
  puts("{\\"status\\":\\"returned\\",\\"code\\":0}");
  unsigned char frame[48];
  memset(frame, 0, sizeof frame);
  frame[0] = 32;
  return (int)write(3, frame, sizeof frame);
}`;
    const { report } = await run(source);
    expect(report.status).not.toBe("returned");
  });

  it("measures peaks between what any and what no such machine reaches", async () => {
    const probe = await target.probe();
    if (probe.status === "unavailable") throw new Error(probe.reason);
    const peaks = await target.peaks(2);
    const { l1, l2, dramRead, dramCopy } = peaks.bytesPerSecond;
    // Two 512-bit multiply-adds a cycle at 6 GHz, on both threads.
    const ceiling = 2 * 2 * 2 * 16 * 6e9;
    expect(peaks.flopsPerSecond.f32).toBeGreaterThan(5e9);
    expect(peaks.flopsPerSecond.f32).toBeLessThan(ceiling);
    expect(peaks.flopsPerSecond.bf16).toBeGreaterThanOrEqual(0.5 * peaks.flopsPerSecond.f32!);
    expect(peaks.flopsPerSecond.bf16).toBeLessThan(2 * ceiling);
    expect(l1).toBeGreaterThan(l2);
    expect(l2).toBeGreaterThan(dramRead);
    expect(dramCopy).toBeGreaterThan(1e9);
  });
});
