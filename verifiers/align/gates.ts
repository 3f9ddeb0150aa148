import type { ElementType } from "../../specs/contracts/spec.js";
import type { AlignmentGate, Mismatch } from "../../specs/contracts/verdict.js";
import { roundToBfloat16 } from "../numerics/bfloat16.js";
import { Random } from "../numerics/random.js";
import { spacingAt } from "../numerics/spacing.js";
import { thresholds } from "../thresholds.js";

/** One output of one case: what the candidate, the oracle and the honest evaluations gave, as doubles. */
export interface OutputComparison {
  output: string;
  storage: Exclude<ElementType, "i32" | "f64">;
  shape: number[];
  /** Elements per row: error scales are taken row by row. */
  rowLength: number;
  candidate: Float64Array;
  oracle: Float64Array;
  honest: Float64Array[];
  /** Magnitudes of sibling outputs that bound the rounding error of a row; see `error_scale` in docs/spec.md. */
  rowScales: Float64Array | null;
}

export interface GateFailure {
  gate: AlignmentGate;
  measured: number;
  bound: number;
  mismatches: Mismatch[];
}

export class OracleFault extends Error {
  override name = "OracleFault";
}

const accumulate = "f32";
const float = new Float32Array(1);
const roundTo = (storage: "f32" | "bf16", value: number): number => {
  if (storage === "bf16") return roundToBfloat16(value);
  float[0] = value;
  return float[0]!;
};

type ValueClass = "finite" | "nan" | "+inf" | "-inf";
const classOf = (value: number): ValueClass =>
  Number.isFinite(value) ? "finite" : Number.isNaN(value) ? "nan" : value > 0 ? "+inf" : "-inf";

function indexOf(flat: number, shape: number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}

const mismatchAt = (comparison: OutputComparison, flat: number, timesOver: number): Mismatch => ({
  output: comparison.output,
  index: indexOf(flat, comparison.shape),
  expected: comparison.oracle[flat]!,
  got: comparison.candidate[flat]!,
  timesOver,
});

/** Bitwise: the result of an exact probe is known to the last bit. */
export function checkExact(comparison: OutputComparison): GateFailure | null {
  const wrong: number[] = [];
  for (let i = 0; i < comparison.oracle.length; i++) if (comparison.candidate[i] !== comparison.oracle[i]) wrong.push(i);
  if (wrong.length === 0) return null;
  return {
    gate: "exact-probe",
    measured: wrong.length,
    bound: 0,
    mismatches: wrong.slice(0, 5).map((flat) => mismatchAt(comparison, flat, Number.POSITIVE_INFINITY)),
  };
}

/** NaN, infinities and signs of zero are compared as classes; where honest evaluations disagree among themselves nothing is asked. */
export function checkClasses(comparison: OutputComparison): GateFailure | null {
  const { candidate, oracle, honest, storage } = comparison;
  const wrong: number[] = [];
  for (let i = 0; i < oracle.length; i++) {
    if (Number.isNaN(oracle[i]!)) throw new OracleFault(`the oracle gives NaN for ${comparison.output}[${indexOf(i, comparison.shape)}]`);
    const expected = roundTo(storage, oracle[i]!);
    const expectedClass = classOf(expected);
    const got = candidate[i]!;
    if (expectedClass === "finite" && expected !== 0 && Number.isFinite(got)) continue;
    if (honest.some((values) => classOf(values[i]!) !== expectedClass)) continue;
    if (classOf(got) !== expectedClass) wrong.push(i);
    else if (
      honest.length > 0 &&
      oracle[i] === 0 &&
      got === 0 &&
      !Object.is(got, oracle[i]) &&
      honest.every((values) => Object.is(values[i], oracle[i]))
    )
      wrong.push(i);
  }
  if (wrong.length === 0) return null;
  return {
    gate: "class",
    measured: wrong.length,
    bound: 0,
    mismatches: wrong.slice(0, 5).map((flat) => mismatchAt(comparison, flat, Number.POSITIVE_INFINITY)),
  };
}

/** Scale of every row: rms of the oracle's finite values there, or a sibling output's magnitude where that is larger. */
function scalesOfRows(comparison: OutputComparison): Float64Array {
  const { oracle, rowLength, rowScales } = comparison;
  const scales = new Float64Array(oracle.length / rowLength);
  for (let r = 0; r < scales.length; r++) {
    let squares = 0;
    for (let i = r * rowLength; i < (r + 1) * rowLength; i++) if (Number.isFinite(oracle[i]!)) squares += oracle[i]! ** 2;
    const sibling = rowScales?.[r] ?? 0;
    scales[r] = Math.max(Math.sqrt(squares / rowLength), Number.isFinite(sibling) ? Math.abs(sibling) : 0);
  }
  return scales;
}

/** The smallest error scale that makes sense: below it the type itself has no finer numbers. */
const smallestScale = spacingAt(0, "f32");

interface ErrorSize {
  rms: number;
  max: number;
  worst: number;
}

function errorSize(values: Float64Array, oracle: Float64Array, scales: Float64Array, rowLength: number): ErrorSize {
  let squares = 0;
  let max = 0;
  let worst = 0;
  let count = 0;
  for (let i = 0; i < oracle.length; i++) {
    if (!Number.isFinite(values[i]!) || !Number.isFinite(oracle[i]!)) continue;
    const error = Math.abs(values[i]! - oracle[i]!) / Math.max(scales[Math.floor(i / rowLength)]!, smallestScale);
    squares += error * error;
    count++;
    if (error > max) {
      max = error;
      worst = i;
    }
  }
  return { rms: Math.sqrt(squares / Math.max(count, 1)), max, worst };
}

/** Largest rms and maximum error among honest evaluations, and what the rounding of one result alone may add. */
export interface Envelope {
  rms: number;
  max: number;
  floorRms: number;
  floorMax: number;
}

export function measureEnvelope(comparison: OutputComparison): Envelope {
  const { oracle, honest, rowLength, storage } = comparison;
  const scales = scalesOfRows(comparison);
  const sizes = honest.map((values) => errorSize(values, oracle, scales, rowLength));
  let squares = 0;
  let floorMax = 0;
  for (let i = 0; i < oracle.length; i++) {
    if (!Number.isFinite(oracle[i]!)) continue;
    const scale = Math.max(scales[Math.floor(i / rowLength)]!, smallestScale);
    const store = spacingAt(oracle[i]!, storage) / scale;
    const sum = spacingAt(Math.max(Math.abs(oracle[i]!), scales[Math.floor(i / rowLength)]!), accumulate) / scale;
    squares += store ** 2 / 12 + (thresholds.roundingFloorRmsUlp * sum) ** 2;
    floorMax = Math.max(floorMax, store / 2 + thresholds.roundingFloorMaxUlp * sum);
  }
  return {
    rms: Math.max(0, ...sizes.map((size) => size.rms)),
    max: Math.max(0, ...sizes.map((size) => size.max)),
    floorRms: Math.sqrt(squares / Math.max(oracle.length, 1)),
    floorMax,
  };
}

export function checkEnvelope(comparison: OutputComparison, envelope: Envelope): GateFailure | null {
  const { oracle, candidate, rowLength } = comparison;
  const size = errorSize(candidate, oracle, scalesOfRows(comparison), rowLength);
  const rmsBound = thresholds.envelopeRms * envelope.rms + envelope.floorRms;
  const maxBound = thresholds.envelopeMax * envelope.max + envelope.floorMax;
  const worst = [mismatchAt(comparison, size.worst, size.max / maxBound)];
  if (!(size.rms <= rmsBound)) return { gate: "envelope-rms", measured: size.rms, bound: rmsBound, mismatches: worst };
  if (!(size.max <= maxBound)) return { gate: "envelope-max", measured: size.max, bound: maxBound, mismatches: worst };
  return null;
}

/** Per row, the share of the oracle's row that the error contains, and the error's projections on +-1 vectors once that share is taken out. */
interface Projections {
  factors: Float64Array;
  signs: Float64Array[];
}

function project(values: Float64Array, comparison: OutputComparison, scales: Float64Array, signs: Int8Array[]): Projections {
  const { oracle, rowLength } = comparison;
  const rows = scales.length;
  const result: Projections = { factors: new Float64Array(rows), signs: signs.map(() => new Float64Array(rows)) };
  for (let r = 0; r < rows; r++) {
    let cross = 0;
    let squares = 0;
    for (let i = r * rowLength; i < (r + 1) * rowLength; i++) {
      const error = values[i]! - oracle[i]!;
      if (!Number.isFinite(error)) continue;
      cross += error * oracle[i]!;
      squares += oracle[i]! ** 2;
    }
    const factor = squares > 0 ? cross / squares : 0;
    result.factors[r] = factor;
    const unit = Math.max(scales[r]!, smallestScale) * Math.sqrt(rowLength);
    signs.forEach((vector, index) => {
      let sum = 0;
      for (let k = 0; k < rowLength; k++) {
        const i = r * rowLength + k;
        const error = values[i]! - oracle[i]! - factor * oracle[i]!;
        if (Number.isFinite(error)) sum += vector[k]! * error;
      }
      result.signs[index]![r] = sum / unit;
    });
  }
  return result;
}

const rmsOf = (values: Float64Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(values.length, 1));
const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);

/** What independent rounding of every result would give: standard deviations of both projections, per row. */
function roundingDeviations(comparison: OutputComparison, scales: Float64Array): { factors: Float64Array; signs: Float64Array } {
  const { oracle, rowLength, storage } = comparison;
  const rows = scales.length;
  const factors = new Float64Array(rows);
  const signs = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
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
    signs[r] = Math.sqrt(variance) / (Math.max(scales[r]!, smallestScale) * Math.sqrt(rowLength));
  }
  return { factors, signs };
}

/**
 * A common factor that is slightly wrong (a reciprocal root, a softmax sum, a scale in lower precision) hides from rms and maximum;
 * projections find it: row by row, in the mean over rows, and in their rms over rows.
 */
export function checkBias(comparison: OutputComparison, seed: string): GateFailure | null {
  const scales = scalesOfRows(comparison);
  const random = new Random(seed);
  const ones = new Int8Array(comparison.rowLength).fill(1);
  const signs = [ones, ones.map(() => random.sign()), ones.map(() => random.sign())];
  const deviations = roundingDeviations(comparison, scales);
  const candidate = project(comparison.candidate, comparison, scales, signs);
  const honest = comparison.honest.map((values) => project(values, comparison, scales, signs));
  const floor = thresholds.biasFactorUlp * 2 ** -23;
  // A single element's row has no bias apart from its error, which the envelope judges.
  if (comparison.rowLength > 1) {
    const failure = judgeProjection(
      comparison,
      candidate.factors,
      honest.map((projections) => projections.factors),
      deviations.factors,
      floor,
    );
    if (failure) return failure;
  }
  for (let index = 0; index < signs.length; index++) {
    const failure = judgeProjection(
      comparison,
      candidate.signs[index]!,
      honest.map((projections) => projections.signs[index]!),
      deviations.signs,
      floor,
    );
    if (failure) return failure;
  }
  return null;
}

function judgeProjection(
  comparison: OutputComparison,
  candidate: Float64Array,
  honest: Float64Array[],
  deviations: Float64Array,
  floor: number,
): GateFailure | null {
  const rows = candidate.length;
  const sigmas = thresholds.biasDeviations;
  const honestRms = Math.max(0, ...honest.map(rmsOf));
  const honestMean = Math.max(0, ...honest.map((values) => Math.abs(meanOf(values))));
  const honestMax = Math.max(0, ...honest.map((values) => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)));
  const fail = (measured: number, bound: number, row: number): GateFailure => ({
    gate: "bias",
    measured,
    bound,
    mismatches: [mismatchAt(comparison, row * comparison.rowLength, measured / bound)],
  });
  let worst: GateFailure | null = null;
  for (let r = 0; r < rows; r++) {
    const bound =
      sigmas * Math.hypot(deviations[r]!, honestRms) + thresholds.envelopeMax * Math.max(0, honestMax - sigmas * honestRms) + floor;
    const measured = Math.abs(candidate[r]!);
    if (!(measured <= bound) && !(worst && measured / bound <= worst.measured / worst.bound)) worst = fail(measured, bound, r);
  }
  if (worst) return worst;
  const deviation = rmsOf(deviations);
  const meanBound = sigmas * Math.hypot(deviation / Math.sqrt(rows), honestRms / Math.sqrt(rows), honestMean) + floor / Math.sqrt(rows);
  const mean = Math.abs(meanOf(candidate));
  if (!(mean <= meanBound)) return fail(mean, meanBound, 0);
  const rmsBound = Math.hypot(deviation, thresholds.envelopeRms * honestRms) * (1 + sigmas / Math.sqrt(2 * rows)) + floor;
  const rms = rmsOf(candidate);
  return rms <= rmsBound ? null : fail(rms, rmsBound, 0);
}
