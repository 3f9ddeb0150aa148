import { describe, expect, test } from "vitest";
import { evidenceOf } from "../../../verifiers/align/judge-case.js";
import type { KernelCase } from "../../../verifiers/align/kernel-case.js";
import type { GateFailure } from "../../../verifiers/align/output-reference.js";

const kernelCase: KernelCase = {
  entry: "f",
  visibility: "public",
  regime: "tiny",
  sizes: { rows: 3 },
  scalars: { eps: 1e-6 },
  seed: "secret",
};
const failure: GateFailure = {
  gate: "envelope-max",
  measured: 6,
  bound: 2,
  mismatches: [{ output: "y", index: [1, 2], expected: 0.5, got: 0.75, timesOver: 3 }],
};

describe("evidence", () => {
  test("of a public case says everything", () => {
    expect(evidenceOf(kernelCase, "y", failure)).toMatchObject({
      sizes: { rows: 3 },
      measured: 6,
      bound: 2,
      mismatches: failure.mismatches,
    });
  });

  test("of a hidden case says the law, the output, the regime and by how much, and nothing else", () => {
    expect(evidenceOf({ ...kernelCase, visibility: "hidden" }, "y", failure)).toEqual({
      law: "precision",
      kind: "alignment",
      visibility: "hidden",
      entry: "f",
      gate: "envelope-max",
      output: "y",
      regime: "tiny",
      timesOver: 3,
    });
  });

  test("of a gate that allows nothing is over by infinitely much", () => {
    expect(evidenceOf({ ...kernelCase, visibility: "hidden" }, "y", { ...failure, gate: "class", measured: 1, bound: 0 })).toMatchObject({
      timesOver: Number.POSITIVE_INFINITY,
    });
  });
});
