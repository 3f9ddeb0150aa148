import type { ElementType } from "../../specs/contracts/spec.js";
import type { AlignmentGate, Mismatch } from "../../specs/contracts/verdict.js";
import { roundToBfloat16 } from "../numerics/bfloat16.js";
import { spacingAt } from "../numerics/spacing.js";

export type Storage = Exclude<ElementType, "i32" | "f64">;

/** What is known of one output of one case before any candidate is seen. */
export interface OutputReference {
  output: string;
  storage: Storage;
  shape: number[];
  /** Elements per row: error scales are taken row by row. */
  rowLength: number;
  oracle: Float64Array;
  /** Honest evaluations in the accumulation type, before the result is rounded to storage. */
  honest: Float64Array[];
  /** Whether the signs of zeros are asked for; see zero-signs.ts. */
  zeroSigns: boolean;
  /** Magnitudes of sibling outputs that bound the rounding error of a row; see `error_scale` in docs/spec.md. */
  rowScales: Float64Array | null;
}

/** The same with what a candidate gave. */
export interface OutputComparison extends OutputReference {
  candidate: Float64Array;
}

/** What one gate measured, and the most it lets pass; NaN never passes. */
export interface GateReading {
  gate: AlignmentGate;
  measured: number;
  bound: number;
  mismatches: Mismatch[];
}
export type GateFailure = GateReading;

export const isFailure = (reading: GateReading): boolean => !(reading.measured <= reading.bound);
/** Share of the bound that was used; above 1 is a failure. */
export const shareOf = (reading: GateReading): number => (reading.measured === 0 ? 0 : reading.measured / reading.bound);

/** Every variant sums in float32 today. */
export const accumulate = "f32";
/** The smallest error scale that makes sense: below it the type itself has no finer numbers. */
export const smallestScale = spacingAt(0, accumulate);

/** Of all types that sums are held in; bf16 has the exponents of f32. */
const smallestNormal = 2 ** -126;

/**
 * Results below the smallest normal number may be flushed to zero, or rounded to few bits, as vectorised exponentials and the bf16
 * units of processors do. Nothing that is asked of a result can rest on such numbers.
 */
export const bothUnderflow = (got: number, exact: number): boolean => Math.abs(got) < smallestNormal && Math.abs(exact) < smallestNormal;

export const roundToStorage = (storage: Storage, value: number): number =>
  storage === "bf16" ? roundToBfloat16(value) : Math.fround(value);

/**
 * The smallest error before storing that explains a stored value. Storing in fewer bits than sums are held in hides everything below
 * half a unit of the storage type, but only where the exact result does not lie near the middle between two stored numbers: taken
 * over many elements, this sees what happened before the store.
 */
export function unexplainedError(stored: number, exact: number, storage: Storage): number {
  if (bothUnderflow(stored, exact)) return 0;
  const error = Math.abs(stored - exact);
  return storage === accumulate ? error : Math.max(0, error - spacingAt((stored + exact) / 2, storage) / 2);
}

/** Scale of every row: rms of the oracle's finite values there, or a sibling output's magnitude where that is larger. */
export function scalesOfRows({ oracle, rowLength, rowScales }: OutputReference): Float64Array {
  const scales = new Float64Array(oracle.length / rowLength);
  for (let r = 0; r < scales.length; r++) {
    let squares = 0;
    for (let i = r * rowLength; i < (r + 1) * rowLength; i++) if (Number.isFinite(oracle[i]!)) squares += oracle[i]! ** 2;
    const sibling = rowScales?.[r] ?? 0;
    scales[r] = Math.max(Math.sqrt(squares / rowLength), Number.isFinite(sibling) ? Math.abs(sibling) : 0);
  }
  return scales;
}

export function indexOf(flat: number, shape: number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}

export const mismatchAt = (reference: OutputReference, candidate: Float64Array, flat: number, timesOver: number): Mismatch => ({
  output: reference.output,
  index: indexOf(flat, reference.shape),
  expected: reference.oracle[flat]!,
  got: candidate[flat]!,
  timesOver,
});

/** A reading of a gate that counts wrong elements and allows none. */
export function countWrong(gate: AlignmentGate, reference: OutputReference, candidate: Float64Array, wrong: number[]): GateReading {
  const mismatches = wrong.slice(0, 5).map((flat) => mismatchAt(reference, candidate, flat, Number.POSITIVE_INFINITY));
  return { gate, measured: wrong.length, bound: 0, mismatches };
}

/** Sampling error of an rms: of what weight is the rms of few values, or of many of which few dominate (by participation ratio). */
export function samplingFactor(squares: ArrayLike<number>, deviations: number): number {
  let sum = 0;
  let sumOfSquares = 0;
  for (let i = 0; i < squares.length; i++) {
    sum += squares[i]!;
    sumOfSquares += squares[i]! ** 2;
  }
  const effective = sumOfSquares > 0 ? (sum * sum) / sumOfSquares : Math.max(squares.length, 1);
  return 1 + deviations / Math.sqrt(2 * effective);
}
