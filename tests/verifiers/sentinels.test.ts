import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { SentinelResult } from "../../harness/bench/sentinels/judge-sentinel.js";

/** The whole table, as `forge bench sentinels` makes it: about two minutes on two cores. */
describe("sentinels", () => {
  test("every planted mistake is rejected and every honest kernel accepted", { timeout: 900_000 }, async () => {
    const { stdout, exitCode } = await execa(
      process.execPath,
      ["--import", "tsx", "harness/cli/main.ts", "bench", "sentinels", "--json", "--jobs", "2"],
      { reject: false, stderr: "inherit" },
    );
    const { results } = JSON.parse(stdout) as { results: SentinelResult[] };
    expect(results.filter((result) => result.got !== result.expected)).toEqual([]);
    expect(exitCode).toBe(0);

    // Nothing can go missing without being noticed: every entry of every variant has both kinds, and every gate of theirs speaks.
    const places = new Set(results.map((result) => [result.spec, result.variant, result.entry].join(" ")));
    expect(places.size).toBe(14);
    for (const place of places)
      for (const expected of ["rejected", "accepted"])
        expect(
          results.filter((result) => [result.spec, result.variant, result.entry].join(" ") === place && result.expected === expected)
            .length,
        ).toBeGreaterThan(4);
    const speaking = new Set(results.filter((result) => result.got === "rejected").map((result) => result.gate));
    for (const gate of ["exact-probe", "class", "envelope-rms"]) expect(speaking).toContain(gate);
  });
});
