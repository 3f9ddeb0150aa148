import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkBias, expectBias } from "../../../verifiers/align/bias.js";
import { OracleFault } from "../../../verifiers/align/classes.js";
import { checkEnvelope, measureEnvelope } from "../../../verifiers/align/envelope.js";
import { checkMagnitudes, expectMagnitudes } from "../../../verifiers/align/magnitude-groups.js";
import { expectOutput, readGates } from "../../../verifiers/align/output-expectation.js";
import {
  isFailure,
  type OutputReference,
  roundToStorage,
  type Storage,
  shareOf,
  unexplainedError,
} from "../../../verifiers/align/output-reference.js";
import { Random } from "../../../verifiers/numerics/random.js";
import { thresholds } from "../../../verifiers/thresholds.js";

const u = 2 ** -24;
interface Synthetic {
  rows: number;
  columns: number;
  storage: Storage;
  /** Relative size of honest errors, in half units of float32. */
  noise: number;
  seed: string;
}

/** An output whose honest evaluations differ from the oracle by independent noise. */
function synthetic({ rows, columns, storage, noise, seed }: Synthetic): { reference: OutputReference; fresh: () => Float64Array } {
  const random = new Random(seed);
  const oracle = Float64Array.from({ length: rows * columns }, () => random.normal());
  const noisy = () => oracle.map((value) => value + noise * u * random.normal());
  const reference: OutputReference = {
    output: "y",
    storage,
    shape: [rows, columns],
    rowLength: columns,
    oracle,
    honest: Array.from({ length: 12 }, noisy),
    zeroSigns: false,
    rowScales: null,
  };
  return { reference, fresh: () => noisy().map((value) => roundToStorage(storage, value)) };
}

const failures = (reference: OutputReference, candidate: Float64Array): string[] =>
  readGates(expectOutput(reference, false, "seed"), candidate)
    .filter(isFailure)
    .map((reading) => reading.gate);

const anySynthetic = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  columns: fc.integer({ min: 1, max: 60 }),
  storage: fc.constantFrom<Storage>("f32", "bf16"),
  noise: fc.constantFrom(0, 0.5, 3, 20),
  seed: fc.string({ minLength: 1, maxLength: 12 }),
});

describe("all gates together", () => {
  test("accept whatever errs as honest evaluations do", () => {
    fc.assert(
      fc.property(anySynthetic, (options) => {
        const { reference, fresh } = synthetic(options);
        expect(failures(reference, fresh())).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  test("accept the oracle itself, rounded, and every honest evaluation", () => {
    fc.assert(
      fc.property(anySynthetic, (options) => {
        const { reference } = synthetic(options);
        for (const values of [reference.oracle, ...reference.honest])
          expect(
            failures(
              reference,
              values.map((value) => roundToStorage(reference.storage, value)),
            ),
          ).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test("reject a single element that is a thousand units off", () => {
    fc.assert(
      fc.property(anySynthetic, fc.nat(), (options, at) => {
        const { reference, fresh } = synthetic(options);
        const candidate = fresh();
        const index = at % candidate.length;
        const step = options.storage === "bf16" ? 2 ** -5 : 1000 * (1 + options.noise) * u;
        candidate[index] = roundToStorage(options.storage, candidate[index]! + step * Math.max(4, Math.abs(candidate[index]!)));
        expect(failures(reference, candidate).length).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the smallest error before storing", () => {
  const value = fc.double({ min: -1e6, max: 1e6, noNaN: true }).filter((x) => Math.abs(x) > 1e-30);

  test("is none where the exact result was stored", () => {
    fc.assert(
      fc.property(value, (exact) => unexplainedError(roundToStorage("bf16", Math.fround(exact)), Math.fround(exact), "bf16") === 0),
    );
  });

  test("never says more than twice what there was, and mostly no more than that", () => {
    fc.assert(
      fc.property(value, fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: 3, max: 20 }), (exact, share, bits) => {
        const error = share * 2 ** -bits * Math.abs(exact);
        const stored = roundToStorage("bf16", exact + error);
        // Rounding of exact + error to float32 on its way adds u.
        expect(unexplainedError(stored, exact, "bf16")).toBeLessThanOrEqual(2 * Math.abs(error) + 2 * u * Math.abs(exact));
      }),
    );
  });

  test("shows a second rounding to bf16 that the error of the stored result hides", () => {
    const { reference, fresh } = synthetic({ rows: 50, columns: 200, storage: "bf16", noise: 1, seed: "double rounding" });
    const random = new Random("gain");
    const gain = reference.oracle.map(() => 1 + 0.25 * random.normal());
    const exact: OutputReference = {
      ...reference,
      oracle: reference.oracle.map((x, i) => x * gain[i]!),
      honest: reference.honest.map((values) => values.map((x, i) => x * gain[i]!)),
    };
    const honest = fresh().map((_, i) => roundToStorage("bf16", exact.oracle[i]!));
    const twice = reference.oracle.map((x, i) => roundToStorage("bf16", roundToStorage("bf16", x) * gain[i]!));
    const rms = (values: Float64Array) => Math.sqrt(values.reduce((sum, y, i) => sum + (y - exact.oracle[i]!) ** 2, 0));
    expect(rms(twice)).toBeLessThan(thresholds.envelopeRms * rms(honest));
    expect(failures(exact, twice)).toContain("envelope-rms");
    expect(failures(exact, honest)).toEqual([]);
  });
});

describe("the envelope", () => {
  test("is relative to the row: a small row beside a large one is judged by its own scale", () => {
    const { reference, fresh } = synthetic({ rows: 2, columns: 64, storage: "f32", noise: 1, seed: "rows" });
    const scaled = (values: Float64Array) => values.map((value, i) => (i < 64 ? value : value * 2 ** -30));
    const candidate = scaled(fresh());
    const two = { ...reference, oracle: scaled(reference.oracle), honest: reference.honest.map(scaled) };
    expect(failures(two, candidate)).toEqual([]);
    candidate[100] = candidate[100]! + 2 ** -30 * 2 ** -10;
    expect(checkEnvelope(two, measureEnvelope(two), candidate).some(isFailure)).toBe(true);
  });

  test("sees small elements beside a large one by their own magnitude", () => {
    const { reference, fresh } = synthetic({ rows: 8, columns: 500, storage: "f32", noise: 1, seed: "peak" });
    const peaked = (values: Float64Array) => values.map((value, i) => (i % 500 === 7 ? 1 : value * 1e-4));
    const peak: OutputReference = { ...reference, oracle: peaked(reference.oracle), honest: reference.honest.map(peaked) };
    const candidate = peaked(fresh());
    const lowered = candidate.map((value, i) => (i % 500 === 7 ? value : value * (1 + 2 ** -13 * (i % 2 === 0 ? 1 : -1))));
    expect(checkEnvelope(peak, measureEnvelope(peak), lowered).every((reading) => shareOf(reading) < 20)).toBe(true);
    const magnitudes = expectMagnitudes(peak)!;
    expect(shareOf(checkMagnitudes(peak, magnitudes, candidate))).toBeLessThan(1);
    expect(shareOf(checkMagnitudes(peak, magnitudes, lowered))).toBeGreaterThan(100);
  });

  test("leaves rows that are too short to tell to the scale of the row", () => {
    expect(expectMagnitudes(synthetic({ rows: 9, columns: 15, storage: "f32", noise: 1, seed: "short" }).reference)).toBeNull();
  });
});

describe("the bias gate", () => {
  const rmsError = (reference: OutputReference, values: Float64Array) =>
    Math.sqrt(values.reduce((sum, value, i) => sum + (value - reference.oracle[i]!) ** 2, 0) / values.length);

  test("catches a common factor of 1 + 2^-9 on bf16 outputs, which their rms error does not show", () => {
    const { reference, fresh } = synthetic({ rows: 40, columns: 300, storage: "bf16", noise: 1, seed: "factor" });
    const candidate = reference.oracle.map((value) => roundToStorage("bf16", value * (1 + 2 ** -9)));
    const expectation = expectBias(reference, "seed");
    expect(rmsError(reference, candidate)).toBeLessThan(thresholds.envelopeRms * rmsError(reference, fresh()));
    expect(isFailure(checkBias(reference, expectation, candidate))).toBe(true);
    expect(isFailure(checkBias(reference, expectation, fresh()))).toBe(false);
  });

  test("catches in float32 what both envelopes let pass: a factor of the size of the scatter", () => {
    const { reference, fresh } = synthetic({ rows: 40, columns: 1000, storage: "f32", noise: 40, seed: "scatter" });
    const candidate = fresh().map((value) => value * (1 + 40 * u));
    expect(checkEnvelope(reference, measureEnvelope(reference), candidate).some(isFailure)).toBe(false);
    expect(isFailure(checkBias(reference, expectBias(reference, "seed"), candidate))).toBe(true);
    expect(isFailure(checkBias(reference, expectBias(reference, "seed"), fresh()))).toBe(false);
  });

  test("catches a common offset, and one in every other element", () => {
    const { reference, fresh } = synthetic({ rows: 40, columns: 1000, storage: "f32", noise: 40, seed: "offset" });
    const expectation = expectBias(reference, "seed");
    for (const vector of expectation.signs)
      expect(
        isFailure(
          checkBias(
            reference,
            expectation,
            fresh().map((value, i) => value + 40 * u * vector[i % 1000]!),
          ),
        ),
      ).toBe(true);
  });
});

describe("classes", () => {
  const one = (exact: number, honest: number[], zeroSigns = false): OutputReference => ({
    output: "y",
    storage: "f32",
    shape: [1],
    rowLength: 1,
    oracle: Float64Array.of(exact),
    honest: honest.map((value) => Float64Array.of(value)),
    zeroSigns,
    rowScales: null,
  });
  const passes = (reference: OutputReference, candidate: number) => failures(reference, Float64Array.of(candidate)).length === 0;
  const classes = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1];

  test.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1])("where all agree on %d, only that passes", (exact) => {
    for (const candidate of classes) expect(passes(one(exact, [exact, exact]), candidate)).toBe(Object.is(candidate, exact));
  });

  test("where honest evaluations disagree nothing is asked", () => {
    for (const candidate of classes) expect(passes(one(Number.POSITIVE_INFINITY, [Number.POSITIVE_INFINITY, 3e38]), candidate)).toBe(true);
  });

  test("signs of zero are asked for where they mean something", () => {
    for (const exact of [0, -0]) {
      expect(passes(one(exact, [exact, exact], true), exact)).toBe(true);
      expect(passes(one(exact, [exact, exact], true), -exact)).toBe(false);
      expect(passes(one(exact, [exact, exact], false), -exact)).toBe(true);
      expect(passes(one(exact, [exact, -exact], true), -exact)).toBe(true);
    }
  });

  test("a result too large for bf16 is infinite there", () => {
    const reference = { ...one(3.4e38, [3.4e38]), storage: "bf16" as const };
    expect(passes(reference, Number.POSITIVE_INFINITY)).toBe(true);
    expect(passes(reference, 3.38e38)).toBe(false);
  });

  test("a NaN of the oracle is the spec's fault, not the candidate's", () => {
    expect(() => expectOutput(one(Number.NaN, []), false, "seed")).toThrow(OracleFault);
  });
});

test("a result below the smallest normal number may be flushed to zero, one above it may not", () => {
  const { reference } = synthetic({ rows: 4, columns: 8, storage: "f32", noise: 1, seed: "underflow" });
  const scaled = (factor: number): OutputReference => ({
    ...reference,
    oracle: reference.oracle.map((value, i) => (i < 8 ? Math.fround(value * factor) : value)),
    honest: reference.honest.map((values) => values.map((value, i) => (i < 8 ? Math.fround(value * factor) : value))),
  });
  const gatesOf = (tiny: OutputReference) => {
    const flushed = tiny.oracle.map((value, i) => (i < 8 ? 0 : roundToStorage("f32", value)));
    return readGates(expectOutput(tiny, false, "seed"), flushed).filter(isFailure);
  };
  expect(gatesOf(scaled(1e-40))).toEqual([]);
  expect(gatesOf(scaled(1e-35)).length).toBeGreaterThan(0);
});

test("an exact probe must be met to the last bit", () => {
  const { reference, fresh } = synthetic({ rows: 2, columns: 3, storage: "f32", noise: 0, seed: "exact" });
  const oracle = fresh();
  const expectation = expectOutput({ ...reference, oracle, honest: [] }, true, "seed");
  expect(readGates(expectation, oracle).some(isFailure)).toBe(false);
  const wrong = oracle.map((value, i) => (i === 4 ? Math.fround(value * (1 + 2 ** -23)) : value));
  const [reading] = readGates(expectation, wrong);
  expect(reading).toMatchObject({ gate: "exact-probe", measured: 1, bound: 0, mismatches: [{ index: [1, 1] }] });
  expect(
    isFailure(
      readGates(
        expectation,
        oracle.map(() => Number.NaN),
      )[0]!,
    ),
  ).toBe(true);
});
