import { Random } from "../numerics/random.js";
import { spacingAt } from "../numerics/spacing.js";
import { thresholds } from "../thresholds.js";
import {
  accumulate,
  bothUnderflow,
  type GateReading,
  mismatchAt,
  type OutputReference,
  roundToStorage,
  samplingFactor,
  scalesOfRows,
  smallestScale,
} from "./output-reference.js";

/** What the projections of an honest error stay below: row by row, in the mean over rows, and in their rms over rows. */
interface ProjectionBounds {
  rows: Float64Array;
  mean: number;
  rms: number;
}

export interface BiasExpectation {
  scales: Float64Array;
  /** +-1 vectors along a row, ones first. */
  signs: Int8Array[];
  /** Of the share of the oracle's row that the error contains; null where a row is a single element and has no bias of its own. */
  factors: ProjectionBounds | null;
  /** Of the rest of the error on each of `signs`. */
  rests: ProjectionBounds[];
}

interface Projections {
  factors: Float64Array;
  rests: Float64Array[];
}

function project(valueAt: (i: number) => number, reference: OutputReference, scales: Float64Array, signs: Int8Array[]): Projections {
  const { oracle, rowLength } = reference;
  const rows = scales.length;
  const result: Projections = { factors: new Float64Array(rows), rests: signs.map(() => new Float64Array(rows)) };
  const errors = new Float64Array(rowLength);
  for (let r = 0; r < rows; r++) {
    const base = r * rowLength;
    let cross = 0;
    let squares = 0;
    for (let k = 0; k < rowLength; k++) {
      const got = valueAt(base + k);
      const error = bothUnderflow(got, oracle[base + k]!) ? 0 : got - oracle[base + k]!;
      errors[k] = Number.isFinite(error) ? error : 0;
      if (!Number.isFinite(error)) continue;
      cross += error * oracle[base + k]!;
      squares += oracle[base + k]! ** 2;
    }
    const factor = squares > 0 ? cross / squares : 0;
    result.factors[r] = factor;
    if (factor !== 0) for (let k = 0; k < rowLength; k++) if (Number.isFinite(oracle[base + k]!)) errors[k]! -= factor * oracle[base + k]!;
    const unit = Math.max(scales[r]!, smallestScale) * Math.sqrt(rowLength);
    for (let index = 0; index < signs.length; index++) {
      const vector = signs[index]!;
      let sum = 0;
      for (let k = 0; k < rowLength; k++) sum += vector[k]! * errors[k]!;
      result.rests[index]![r] = sum / unit;
    }
  }
  return result;
}

/** What independent rounding of every result would give: standard deviations of both kinds of projection, per row. */
function roundingDeviations(reference: OutputReference, scales: Float64Array): { factors: Float64Array; rests: Float64Array } {
  const { oracle, rowLength, storage } = reference;
  const factors = new Float64Array(scales.length);
  const rests = new Float64Array(scales.length);
  for (let r = 0; r < scales.length; r++) {
    let weighted = 0;
    let variance = 0;
    let squares = 0;
    for (let i = r * rowLength; i < (r + 1) * rowLength; i++) {
      const y = oracle[i]!;
      if (!Number.isFinite(y)) continue;
      const sigma2 = spacingAt(y, storage) ** 2 / 12 + spacingAt(Math.max(Math.abs(y), scales[r]!), accumulate) ** 2 / 3;
      weighted += sigma2 * y * y;
      variance += sigma2;
      squares += y * y;
    }
    factors[r] = squares > 0 ? Math.sqrt(weighted) / squares : 0;
    rests[r] = Math.sqrt(variance) / (Math.max(scales[r]!, smallestScale) * Math.sqrt(rowLength));
  }
  return { factors, rests };
}

const squaresOf = (values: Float64Array): Float64Array => values.map((value) => value * value);
const rmsOf = (values: Float64Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(values.length, 1));
const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
const largestOf = (values: Float64Array): number => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);

function boundsOf(honest: Float64Array[], deviations: Float64Array): ProjectionBounds {
  const sigmas = thresholds.biasDeviations;
  const floor = thresholds.biasFactorUlp * spacingAt(1, accumulate);
  const rows = deviations.length;
  const deviation = rmsOf(deviations);
  const rms = Math.max(0, ...honest.map(rmsOf));
  const mean = Math.max(0, ...honest.map((values) => Math.abs(meanOf(values))));
  const largest = Math.max(0, ...honest.map(largestOf));
  const sampling = Math.max(
    samplingFactor(squaresOf(deviations), sigmas),
    ...honest.map((values) => samplingFactor(squaresOf(values), sigmas)),
  );
  return {
    // Rows that are worse conditioned than the others show in the largest honest projection.
    rows: deviations.map((own) => Math.max(sigmas * Math.hypot(own, rms), thresholds.envelopeMax * largest) + floor),
    // The floor is not divided by the number of rows: an honest reciprocal root errs to one side in all of them.
    mean: sigmas * Math.hypot(deviation / Math.sqrt(rows), rms / Math.sqrt(rows), mean) + floor,
    rms: Math.hypot(deviation, thresholds.envelopeRms * rms) * sampling + floor,
  };
}

/**
 * A common factor that is slightly wrong (a reciprocal root, a softmax sum, a scale in lower precision) hides from rms and maximum;
 * projections find it, for independent errors cancel in them and common ones add up.
 */
export function expectBias(reference: OutputReference, seed: string): BiasExpectation {
  const scales = scalesOfRows(reference);
  const random = new Random(seed);
  const ones = new Int8Array(reference.rowLength).fill(1);
  const signs = [ones, ones.map(() => random.sign()), ones.map(() => random.sign())];
  const deviations = roundingDeviations(reference, scales);
  const honest = reference.honest.map((values) => project((i) => roundToStorage(reference.storage, values[i]!), reference, scales, signs));
  return {
    scales,
    signs,
    factors:
      reference.rowLength > 1
        ? boundsOf(
            honest.map((projections) => projections.factors),
            deviations.factors,
          )
        : null,
    rests: signs.map((_, index) =>
      boundsOf(
        honest.map((projections) => projections.rests[index]!),
        deviations.rests,
      ),
    ),
  };
}

export function checkBias(reference: OutputReference, expectation: BiasExpectation, candidate: Float64Array): GateReading {
  const projections = project((i) => candidate[i]!, reference, expectation.scales, expectation.signs);
  let worst = { measured: 0, bound: 1, row: 0 };
  const read = (measured: number, bound: number, row: number) => {
    if (!(measured / bound <= worst.measured / worst.bound)) worst = { measured, bound, row };
  };
  const readAll = (values: Float64Array, bounds: ProjectionBounds) => {
    for (let r = 0; r < values.length; r++) read(Math.abs(values[r]!), bounds.rows[r]!, r);
    read(Math.abs(meanOf(values)), bounds.mean, 0);
    read(rmsOf(values), bounds.rms, 0);
  };
  if (expectation.factors) readAll(projections.factors, expectation.factors);
  for (const [index, bounds] of expectation.rests.entries()) readAll(projections.rests[index]!, bounds);
  const { measured, bound, row } = worst;
  return { gate: "bias", measured, bound, mismatches: [mismatchAt(reference, candidate, row * reference.rowLength, measured / bound)] };
}
