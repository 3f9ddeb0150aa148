import { describe, expect, it } from "vitest";
import { profileText } from "../../../harness/profile-text.js";
import { availableValue, candidateOf, lineWith, openProfileBench, profileOf, signature, twoLoops } from "./benches.js";

const profile = await openProfileBench("x86-64");

describe("a profile on x86-64", () => {
  it.each([
    ["first", "gcc"],
    ["second", "gcc"],
    ["first", "clang"],
  ] as const)("finds the %s loop where that is the hot one, with %s", async (hot, compiler) => {
    const source = twoLoops(hot);
    const found = profileOf(await profile(candidateOf(source, { compiler })));
    expect(found.samples).toBeGreaterThan(500);
    const [loop] = availableValue(found.loops);
    expect(loop).toMatchObject({ function: "rmsnorm_forward", source: { file: "kernel.c" } });
    expect(loop!.share).toBeGreaterThan(0.6);
    const line = lineWith(source, `// ${hot}`);
    expect(loop!.source!.firstLine).toBeGreaterThanOrEqual(line - 1);
    expect(loop!.source!.lastLine).toBeLessThanOrEqual(line);
    expect(loop!.nesting).toBe(2);
    expect(availableValue(found.functions)[0]).toMatchObject({ name: "rmsnorm_forward" });
    // The head of the loop stands on the line before.
    expect([line - 1, line]).toContain(availableValue(found.lines)[0]!.line);
    const listing = availableValue(found.assembly);
    expect(listing.lines.map(({ text }) => text).join("\n")).toMatch(/divss/);
    expect(listing.lines.reduce((sum, { share }) => sum + share!, 0)).toBeGreaterThan(0.6);
    const remarks = availableValue(found.vectorisation);
    expect(remarks.some((remark) => remark.kind === "missed" && Math.abs(remark.line - line) <= 1)).toBe(true);
  });

  it("says how far it is from the roofline", async () => {
    const { secondsPerCall, roofline, calls } = profileOf(await profile(candidateOf(twoLoops("first"))));
    expect(calls).toBeGreaterThan(2);
    expect(secondsPerCall).toBeGreaterThan(1e-3);
    expect(roofline.limitFraction).toBeCloseTo(roofline.limitSeconds / secondsPerCall, 9);
    expect(roofline.limitFraction).toBeLessThan(0.2);
    expect(roofline.bytesPerSecond).toBeGreaterThan(1e6);
  });

  it.each([
    ["expf", "y[i] = expf(x[i]);", "libm"],
    ["sinf", "y[i] = sinf(x[i]);", "libm"],
    ["memset", "memset(y, (int)i, 65536);", "libc"],
  ])("names %s, which lies outside the candidate", async (symbol, statement, library) => {
    const source = `#include <math.h>
#include <string.h>
#include "forge_kernel.h"
${signature} {
  (void)weight; (void)eps; (void)rstd; (void)x;
  for (int64_t i = 0; i < rows * dim / 8; i++) ${statement}
  return 0;
}
`;
    const { outside } = profileOf(await profile(candidateOf(source)));
    expect(outside[0]).toMatchObject({ library, symbol });
    expect(outside[0]!.share).toBeGreaterThan(0.3);
  });

  it("counts the page faults of memory that is new in every call", async () => {
    const source = `#include <stdlib.h>
#include "forge_kernel.h"
${signature} {
  (void)weight; (void)eps; (void)rstd; (void)x; (void)rows; (void)dim;
  volatile char *fresh = malloc(256 << 20);
  for (long i = 0; i < 256 << 20; i += 4096) fresh[i] = 1;
  y[0] = fresh[4096];
  free((void *)fresh);
  return 0;
}
`;
    const { pageFaultsPerCall, share } = availableValue(profileOf(await profile(candidateOf(source))).kernel);
    expect(pageFaultsPerCall).toBeGreaterThan(30);
    expect(share === null || share > 0.2).toBe(true);
    expect(availableValue(profileOf(await profile(candidateOf(twoLoops("first")))).kernel).pageFaultsPerCall).toBeLessThan(1);
  });

  it("takes what the candidate prints for nothing more than text", async () => {
    const source = twoLoops("first")
      .replace("#include", "#include <stdio.h>\n#include")
      .replace(
        "  return 0;",
        '  printf("forge-calls 1 1 1 1\\nforge-sample 999999 0 library-0.so forged\\n\\033[31m\\xff"); fflush(stdout);\n  return 0;',
      );
    const found = profileOf(await profile(candidateOf(source)));
    expect(found.samples).toBeLessThan(100_000);
    expect(profileText(found)).not.toContain("forged");
  });
});

describe("what the candidate does wrong is data:", () => {
  const failing = (statement: string) => candidateOf(twoLoops("first").replace("  return 0;", `  ${statement}\n  return 0;`));

  it("it does not build", async () => {
    expect(await profile(failing("nonsense;"))).toMatchObject({ status: "does-not-build", log: expect.stringContaining("nonsense") });
  });
  it("it crashes", async () => {
    expect(await profile(failing("*(volatile int *)16 = 1;"))).toMatchObject({
      status: "crashed",
      detail: expect.stringContaining("SIGSEGV"),
    });
  });
  it("it names what is nowhere", async () => {
    expect(await profile(failing("extern void nowhere(void); nowhere();"))).toMatchObject({
      status: "crashed",
      detail: expect.stringContaining("nowhere"),
    });
  });
  it("it ends the process", async () => {
    expect((await profile(failing("extern void _exit(int); _exit(0);"))).status).toBe("crashed");
  });
  it("it does not return", async () => {
    expect(await profile(failing("for (volatile int i = 1; i; ) {}"))).toEqual({ status: "timed-out", limitMs: 4_000 });
  });
  it("it returns something else than 0", async () => {
    expect(await profile(failing("return 7;"))).toEqual({ status: "not-zero", code: 7 });
  });
});

describe("threads", () => {
  it("are all sampled, and waiting for one is seen", async () => {
    const both = await openProfileBench("x86-64", 2);
    const source = `#include <omp.h>
#include "forge_kernel.h"
${signature} {
  (void)weight; (void)eps;
  #pragma omp parallel num_threads(2)
  if (omp_get_thread_num() == 1) {
    float s = 1.0f;
    for (int64_t i = 0; i < rows * dim; i++) s = x[i] / (s + 1.5f); // hot
    y[0] = rstd[0] = s;
  }
  return 0;
}
`;
    const openmp = { units: [{ source: "kernel.c", flags: ["-O2", "-fopenmp"] }], linkFlags: ["-fopenmp"] };
    const { loops, outside } = profileOf(await both(candidateOf(source, openmp)));
    const [loop] = availableValue(loops);
    expect(loop!.source).toEqual({ file: "kernel.c", firstLine: lineWith(source, "// hot"), lastLine: lineWith(source, "// hot") });
    // Half each where nobody else uses the CPUs.
    expect(loop!.share).toBeGreaterThan(0.1);
    expect(outside.filter(({ library }) => library === "libgomp").reduce((sum, { share }) => sum + share, 0)).toBeGreaterThan(0.1);
  });
});
