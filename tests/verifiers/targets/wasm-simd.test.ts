import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import type { BuildRequest, SessionRequest, Target } from "../../../specs/contracts/target.js";
import { inspectObject } from "../../../verifiers/targets/wasm-simd/inspect.js";
import { createWasmSimdTarget } from "../../../verifiers/targets/wasm-simd/target.js";
import { describeTarget } from "./conformance.js";
import { candidateOf, type KernelName, requestFor, signature } from "./conformance-kernels.js";

describeTarget("wasm-simd", createWasmSimdTarget);

describe("wasm-simd alone", () => {
  const cacheDirectory = mkdtempSync(join(tmpdir(), "forge-wasm-test-"));
  const target: Target = createWasmSimdTarget({ sandbox: createSandbox({ unsafe: false }), cacheDirectory });
  afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

  /** Builds `source` in place of the kernel's own, and calls it once on 37 floats. */
  async function run(
    kernel: KernelName,
    source: string | null,
    memory: SessionRequest["memory"] = "plain",
    changes: Partial<BuildRequest> = {},
  ) {
    const request = requestFor(target, kernel, { mode: memory === "sanitized" ? "sanitized" : "plain", ...changes });
    if (source !== null) request.candidate.files["kernel.c"] = source;
    const built = await target.build(request);
    if (built.status === "failed") throw new Error(built.log);
    const session = await target.open({ libraries: [built.artifact], entries: request.entries, threads: 1, memory, wallMs: 60_000 });
    try {
      await session.bind(kernel, [148, 148], 1);
      await session.writeInput(0, "x", 0, new Uint8Array(new Float32Array(37).fill(2).buffer));
      const report = await session.call({ library: 0, entry: kernel, set: 0, sizes: { n: 37 }, scalars: { s: 2 }, poison: 1 });
      const output = report.status === "returned" ? await session.readOutput(0, "y", 0, 148) : new Uint8Array(148);
      return { report, values: new Float32Array(output.slice().buffer), warnings: built.warnings };
    } finally {
      await session.close();
    }
  }

  it.each([
    ["past_end", "guarded-end", "wrote 4 bytes past the end of y"],
    ["before_start", "guarded-start", "wrote 4 bytes before the start of y"],
    ["reads_past_end", "guarded-end", "read outside the buffers: y changes"],
    ["trap", "plain", "trap: unreachable, in trap"],
    ["overflowing", "sanitized", "integer overflow in an addition at kernel.c:"],
  ] as const)("says of %s in %s memory: %s", async (kernel, memory, detail) => {
    expect((await run(kernel, null, memory)).report).toEqual({ status: "crashed", detail: expect.stringContaining(detail) });
  });

  it("traps where the stack runs over, before any data is touched", async () => {
    const source = `#include <stdint.h>
static int deep(volatile char *above, int n) { volatile char here[4096]; here[0] = above[0]; return n == 0 ? here[0] : deep(here, n - 1) + here[1]; }
int trap(const float *x, float *y, int64_t n, float s) { (void)x; (void)s; volatile char top = 0; y[0] = (float)deep(&top, (int)n * 1000); return 0; }`;
    expect((await run("trap", source)).report).toMatchObject({ status: "crashed" });
  });

  it("keeps a candidate's own allocations and its buffers apart, also when memory grows in a call", async () => {
    const source = `#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int scale(const float *x, float *y, int64_t n, float s) {
  float *own = malloc(32 << 20);
  if (own == 0) return 1;
  memset(own, 0xff, 32 << 20);
  for (int64_t i = 0; i < n; i++) own[i] = s * x[i];
  memcpy(y, own, (size_t)n * sizeof(float));
  free(own);
  return 0;
}`;
    const { report, values } = await run("scale", source, "guarded-end");
    expect(report).toMatchObject({ status: "returned", code: 0, inputsChanged: false });
    expect(values[36]).toBe(4);
  });

  it("has relaxed multiply-add where the machine's ISA says so", async () => {
    const probe = await target.probe();
    const relaxed = probe.status === "available" && probe.machine.isa.includes("relaxed-simd");
    expect(target.baselineFlags("clang").includes("-mrelaxed-simd")).toBe(relaxed);
    const multiplyAdd = relaxed ? "wasm_f32x4_relaxed_madd(v, v, v)" : "wasm_f32x4_add(wasm_f32x4_mul(v, v), v)";
    const source = `#include <stdint.h>
#include <wasm_simd128.h>
int scale(const float *x, float *y, int64_t n, float s) {
  (void)n; (void)s;
  const v128_t v = wasm_v128_load(x);
  wasm_v128_store(y, ${multiplyAdd});
  return 0;
}`;
    expect((await run("scale", source)).values[3]).toBe(6);
  });

  it("reads -fopenmp as its SIMD part, and sources with odd names as sources", async () => {
    const candidate = candidateOf(target, "scale", ["-fopenmp"]);
    candidate.files = { "-fsyntax-only.c": candidate.files["kernel.c"]!.replace("for (", "\n#pragma omp simd\n  for (") };
    candidate.manifest.units[0]!.source = "-fsyntax-only.c";
    candidate.manifest.linkFlags = ["-fopenmp", "-lm"];
    expect((await run("scale", null, "plain", { candidate })).values[0]).toBe(5);
  });

  it("builds C++ with extern C entries", async () => {
    const candidate = candidateOf(target, "scale");
    candidate.manifest.language = "c++";
    const source = `#include <stdint.h>
template <typename T> static T twice(T value) { return value + value; }
extern "C" int scale(const float *x, float *y, int64_t n, float) { for (int64_t i = 0; i < n; i++) y[i] = twice(x[i]); return 0; }`;
    expect((await run("scale", source, "plain", { candidate })).values[1]).toBe(4);
  });

  it("names what an object imports", async () => {
    const request = requestFor(target, "scale");
    request.candidate.files["kernel.c"] = `#include <stdint.h>
#include <stdio.h>
int scale(const float *x, float *y, int64_t n, float s) { (void)x; (void)y; (void)n; return printf("%f", (double)s); }`;
    const built = await target.build(request);
    const facts = built.status === "built" ? await target.inspect(built.artifact) : null;
    expect(facts?.imports).toContain("wasi_snapshot_preview1.fd_write");
    expect(target.importAllowed("libc", "wasi_snapshot_preview1.fd_write")).toBe(false);
    const opening = target.open({
      libraries: [built.status === "built" ? built.artifact : { path: "", hash: "" }],
      entries: [signature("scale")],
      threads: 1,
      memory: "plain",
      wallMs: 20_000,
    });
    await expect(opening).rejects.toThrow(/WASM runner/);
  });

  it("names exports that a candidate adds", async () => {
    const request = requestFor(target, "scale");
    request.candidate.files["kernel.c"] += '\n__attribute__((export_name("extra"))) int extra(void) { return 1; }\n';
    const built = await target.build(request);
    expect(built.status === "built" && (await target.inspect(built.artifact)).exports.sort()).toEqual(["extra", "scale"]);
  });

  it("refuses buffers beyond 4 GiB with a clear error and goes on", async () => {
    const built = await target.build(requestFor(target, "scale"));
    if (built.status === "failed") throw new Error(built.log);
    const session = await target.open({
      libraries: [built.artifact],
      entries: [signature("scale")],
      threads: 1,
      memory: "plain",
      wallMs: 60_000,
    });
    await expect(session.bind("scale", [3e9, 3e9], 1)).rejects.toThrow(/do not fit: linear memory ends at 4 GiB/);
    await session.bind("scale", [16, 16], 1);
    await expect(session.writeInput(0, "y", 0, new Uint8Array(4))).rejects.toThrow(/cannot write/);
    expect((await session.call({ library: 0, entry: "scale", set: 0, sizes: { n: 4 }, scalars: { s: 1 }, poison: 0 })).status).toBe(
      "returned",
    );
    await session.close();
  });

  it("refuses torn objects when inspecting", () => {
    expect(() => inspectObject(new Uint8Array(20))).toThrow(/not a WASM object/);
    expect(() => inspectObject(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 7, 100, 1))).toThrow(/leaves the file/);
  });
});
