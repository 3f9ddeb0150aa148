import { describe, expect, it } from "vitest";
import { profileText } from "../../../harness/profile-text.js";
import { availableValue, candidateOf, lineWith, openProfileBench, profileOf, signature } from "./benches.js";

const profile = await openProfileBench("wasm-simd");

const source = (hot: "first" | "second") => {
  const body = (name: "first" | "second") => `static __attribute__((noinline)) float ${name}(const float *x, int64_t dim) {
  float s = 1.0f;
  for (int64_t i = 0; i < ${name === hot ? 16 : 1} * dim; i++)
    s = x[i % dim] / (s + 1.5f); // ${name}
  return s;
}`;
  return `#include "forge_kernel.h"
${body("first")}
${body("second")}
${signature} {
  (void)weight; (void)eps;
  for (int64_t r = 0; r < rows; r++) {
    y[r] = first(x, dim);
    rstd[r] = second(x, dim);
  }
  return 0;
}
`;
};
const clang = { compiler: "clang" };

describe("a profile on wasm-simd", () => {
  it.each(["first", "second"] as const)("finds the %s function where that is the hot one", async (hot) => {
    const text = source(hot);
    const found = profileOf(await profile(candidateOf(text, clang)));
    expect(found.samples).toBeGreaterThan(500);
    const [hottest] = availableValue(found.functions);
    const line = lineWith(text, `// ${hot}`);
    expect(hottest).toMatchObject({ name: hot, source: { file: "kernel.c" } });
    expect(hottest!.source!.firstLine).toBeLessThanOrEqual(line);
    expect(hottest!.source!.lastLine).toBeGreaterThanOrEqual(line);
    expect(hottest!.share).toBeGreaterThan(0.6);
    const listing = availableValue(found.assembly);
    expect(listing.function).toBe(hot);
    expect(listing.lines.map(({ text: instruction }) => instruction).join("\n")).toMatch(/f32\.div/);
    expect(availableValue(found.vectorisation).some((remark) => remark.kind === "missed" && Math.abs(remark.line - line) <= 1)).toBe(true);
    expect(found.loops).toMatchObject({ status: "unavailable", reason: expect.stringContaining("V8") });
    expect(profileText(found).length).toBeLessThanOrEqual(6_000);
  });

  it("has failures as data", async () => {
    const failing = (statement: string) => candidateOf(source("first").replace("  return 0;", `  ${statement}\n  return 0;`), clang);
    expect(await profile(failing("nonsense;"))).toMatchObject({ status: "does-not-build", log: expect.stringContaining("nonsense") });
    expect(await profile(failing("__builtin_trap();"))).toMatchObject({
      status: "crashed",
      detail: expect.stringContaining("unreachable"),
    });
    expect(await profile(failing("return 7;"))).toEqual({ status: "not-zero", code: 7 });
    expect(await profile(failing("for (volatile int i = 1; i; ) {}"))).toEqual({ status: "timed-out", limitMs: 4_000 });
  });
});
