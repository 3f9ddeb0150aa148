import { describe, expect, it } from "vitest";
import { exactJson, parseExactJson } from "../../harness/exact-json.js";
import { evidenceText } from "../../harness/progress/evidence-text.js";
import { canonicalJson } from "../../harness/queue/canonical-json.js";
import { jsonText } from "../../harness/report/escape-text.js";
import type { Evidence } from "../../specs/contracts/verdict.js";

/** As `forge` gives it of a kernel whose output overflows. */
const overflown: Evidence = {
  ...{ law: "right answers", kind: "alignment", visibility: "public", entry: "f", gate: "envelope-max", output: "y", regime: "normal" },
  ...{ sizes: { rows: 2 }, measured: Number.POSITIVE_INFINITY, bound: 0.5 },
  mismatches: [
    { output: "y", index: [0], expected: 1, got: Number.NaN, timesOver: Number.POSITIVE_INFINITY },
    { output: "y", index: [1], expected: Number.NEGATIVE_INFINITY, got: -0.5, timesOver: 3 },
  ],
};

describe("evidence of numbers that are not finite", () => {
  it.each([
    ["a log", jsonText],
    ["the wire", canonicalJson],
    ["a page", exactJson],
  ])("comes back out of %s as it went in", (_place, write) => {
    const back = parseExactJson(write(overflown));
    expect(back).toEqual(overflown);
    expect(evidenceText(back as Evidence)).toBe(evidenceText(overflown));
    expect(evidenceText(overflown)).toContain("envelope-max Infinity > 0.500; at [0] expected 1, got NaN, Infinity times over the bound");
  });

  it("is readable in a log that plain JSON wrote, where all of them are null", () => {
    const old = parseExactJson(JSON.stringify(overflown)) as Evidence;
    expect(evidenceText(old)).toContain("envelope-max NaN > 0.500; at [0] expected 1, got NaN, NaN times over the bound");
  });

  it("leaves words alone that only look like numbers", () => {
    const words = { detail: "NaN", got: "Infinity and more", expected: "3", summary: null };
    expect(parseExactJson(exactJson(words))).toEqual(words);
  });
});
