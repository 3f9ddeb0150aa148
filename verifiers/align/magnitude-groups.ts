import { spacingAt } from "../numerics/spacing.js";
import { thresholds } from "../thresholds.js";
import {
  accumulate,
  type GateReading,
  mismatchAt,
  type OutputReference,
  samplingFactor,
  scalesOfRows,
  smallestScale,
  unexplainedError,
} from "./output-reference.js";

/** Elements of a row count as of one magnitude within this many binades, but never fewer than this many elements. */
const binades = 4;
const leastElements = 16;
/** Nobody is held to the relative accuracy of what is this much smaller than its row. */
const negligible = 2 ** -20;

/** How far honest results scatter, for elements of one row that are of like magnitude; 0 where they are too few to tell. */
export interface MagnitudeExpectation {
  units: Float64Array;
  bound: number;
}

/** Groups of the elements of one row, largest first; those too few are left out, for the scale of the row judges them. */
function groupsOfRow(oracle: Float64Array, start: number, end: number): number[][] {
  const byExponent = new Map<number, number[]>();
  for (let i = start; i < end; i++) {
    const magnitude = Math.abs(oracle[i]!);
    if (!Number.isFinite(magnitude) || magnitude === 0) continue;
    const exponent = Math.floor(Math.log2(magnitude));
    const same = byExponent.get(exponent);
    if (same) same.push(i);
    else byExponent.set(exponent, [i]);
  }
  const groups: number[][] = [];
  let current: number[] = [];
  let top = Number.POSITIVE_INFINITY;
  for (const exponent of [...byExponent.keys()].sort((left, right) => right - left)) {
    if (current.length === 0) top = exponent;
    // A group that is too small takes in smaller elements: its unit is that of the larger ones, which accuses nobody.
    if (current.length >= leastElements && top - exponent >= binades) {
      groups.push(current);
      current = [];
      top = exponent;
    }
    for (const index of byExponent.get(exponent)!) current.push(index);
  }
  if (current.length >= leastElements) groups.push(current);
  return groups;
}

/** Null where no row has enough elements. */
export function expectMagnitudes(reference: OutputReference): MagnitudeExpectation | null {
  const { oracle, honest, rowLength } = reference;
  if (rowLength < leastElements) return null;
  const scales = scalesOfRows(reference);
  const units = new Float64Array(oracle.length);
  const squares = honest.map(() => new Float64Array(scales.length));
  let count = 0;
  for (let r = 0; r < scales.length; r++)
    for (const group of groupsOfRow(oracle, r * rowLength, (r + 1) * rowLength)) {
      const sums = honest.map((values) => sumOfSquares(values, oracle, group));
      const scatter = Math.sqrt(sums.reduce((sum, value) => sum + value, 0) / (group.length * honest.length));
      const largest = group.reduce((max, index) => Math.max(max, Math.abs(oracle[index]!)), 0);
      const rounding = Math.max(spacingAt(largest, accumulate), negligible * spacingAt(scales[r]!, accumulate), smallestScale);
      const unit = Math.hypot(scatter, rounding);
      for (const index of group) units[index] = unit;
      for (const [evaluation, sum] of sums.entries()) squares[evaluation]![r]! += sum / unit ** 2;
      count += group.length;
    }
  if (count === 0) return null;
  let worst = 0;
  let sampling = samplingFactor(new Float64Array(scales.length).fill(1), thresholds.biasDeviations);
  for (const rows of squares) {
    worst = Math.max(worst, Math.sqrt(rows.reduce((sum, value) => sum + value, 0) / count));
    sampling = Math.max(sampling, samplingFactor(rows, thresholds.biasDeviations));
  }
  return { units, bound: (thresholds.envelopeRms * worst + thresholds.roundingFloorRmsUlp) * sampling };
}

function sumOfSquares(values: Float64Array, oracle: Float64Array, group: number[]): number {
  let sum = 0;
  for (const index of group) {
    const error = values[index]! - oracle[index]!;
    if (Number.isFinite(error)) sum += error * error;
  }
  return sum;
}

/**
 * The rms envelope once more, every error in units of what is honest for elements of its magnitude: where a row holds one large element
 * and thousands of small ones (probabilities and a target), the scale of the row says nothing of the small.
 */
export function checkMagnitudes(reference: OutputReference, expectation: MagnitudeExpectation, candidate: Float64Array): GateReading {
  const { oracle, storage } = reference;
  const { units, bound } = expectation;
  let squares = 0;
  let count = 0;
  let worst = 0;
  let worstAt = 0;
  for (let i = 0; i < units.length; i++) {
    if (units[i] === 0) continue;
    const error = unexplainedError(candidate[i]!, oracle[i]!, storage) / units[i]!;
    if (!Number.isFinite(error)) continue;
    squares += error * error;
    count++;
    if (error > worst) {
      worst = error;
      worstAt = i;
    }
  }
  const measured = Math.sqrt(squares / Math.max(count, 1));
  return { gate: "envelope-rms", measured, bound, mismatches: [mismatchAt(reference, candidate, worstAt, measured / bound)] };
}
