import { readdirSync } from "node:fs";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { SentinelResult } from "../../harness/bench/sentinels/judge-sentinel.js";

const kernels = readdirSync("specs/kernels").filter((name) => name.endsWith(".yaml"));
/** Every spec in one of its types, by turns; `npm run test:integrity -- sentinels` takes all of the table. */
const parts = [
  { specs: ["rmsnorm", "softmax-cross-entropy", "rope", "lm-head-cross-entropy"], variants: ["f32"], places: 8 },
  { specs: ["linear", "swiglu", "embedding", "adamw", "attention"], variants: ["bf16"], places: 11 },
];

async function judgeSentinels(specs: string[], variants: string[]): Promise<SentinelResult[]> {
  const choices = [...specs.flatMap((spec) => ["--spec", spec]), ...variants.flatMap((variant) => ["--variant", variant])];
  const { stdout, exitCode } = await execa(
    process.execPath,
    ["--import", "tsx", "harness/cli/main.ts", "bench", "sentinels", "--json", "--jobs", "2", ...choices],
    { reject: false, stderr: "inherit" },
  );
  const { results } = JSON.parse(stdout) as { results: SentinelResult[] };
  expect(results.filter((result) => result.got !== result.expected)).toEqual([]);
  expect(exitCode).toBe(0);
  return results;
}

describe("sentinels", () => {
  test("leave out no spec", () => {
    expect(parts.flatMap(({ specs }) => specs.map((spec) => `${spec}.yaml`)).sort()).toEqual(kernels.sort());
  });

  test.each(parts)("of $specs: every planted mistake is rejected and every honest kernel accepted", { timeout: 900_000 }, async (part) => {
    const results = await judgeSentinels(part.specs, part.variants);
    // Nothing can go missing without being noticed: every entry of every variant has both kinds, and every gate of theirs speaks.
    const places = new Set(results.map((result) => [result.spec, result.variant, result.entry].join(" ")));
    expect(places.size).toBe(part.places);
    for (const place of places)
      for (const expected of ["rejected", "accepted"])
        expect(
          results.filter((result) => [result.spec, result.variant, result.entry].join(" ") === place && result.expected === expected)
            .length,
        ).toBeGreaterThan(2);
    const speaking = new Set(results.filter((result) => result.got === "rejected").map((result) => result.gate));
    for (const gate of part.specs.includes("linear") ? ["exact-probe", "class", "envelope-rms"] : ["envelope-rms"])
      expect(speaking).toContain(gate);
  });
});
