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

/** How large honest errors are, all relative to the scale of their row. */
export interface Envelope {
  /** Largest rms error before storing among honest evaluations, with the sampling error of an rms over so few rows. */
  rms: number;
  /** Largest error before storing. */
  max: number;
  /** What storing the exact result and one rounding in the accumulation type add, as rms and at most. */
  floorRms: number;
  floorMax: number;
}

interface ErrorSize {
  rms: number;
  max: number;
  worst: number;
  /** Sum of squares per row. */
  rows: Float64Array;
}

function sizeOfErrors(reference: OutputReference, scales: Float64Array, errorAt: (i: number) => number): ErrorSize {
  const { oracle, rowLength } = reference;
  const rows = new Float64Array(scales.length);
  let max = 0;
  let worst = 0;
  let count = 0;
  for (let i = 0; i < oracle.length; i++) {
    const row = Math.floor(i / rowLength);
    const error = errorAt(i) / Math.max(scales[row]!, smallestScale);
    // What is infinite or NaN is the class gate's.
    if (!Number.isFinite(error)) continue;
    rows[row]! += error * error;
    count++;
    if (error > max) {
      max = error;
      worst = i;
    }
  }
  const squares = rows.reduce((sum, value) => sum + value, 0);
  return { rms: Math.sqrt(squares / Math.max(count, 1)), max, worst, rows };
}

export function measureEnvelope(reference: OutputReference): Envelope {
  const { oracle, honest, rowLength, storage } = reference;
  const scales = scalesOfRows(reference);
  let rms = 0;
  let max = 0;
  for (const values of honest) {
    const size = sizeOfErrors(reference, scales, (i) => Math.abs(values[i]! - oracle[i]!));
    rms = Math.max(rms, size.rms * samplingFactor(size.rows, thresholds.biasDeviations));
    max = Math.max(max, size.max);
  }
  const floors = accumulationFloors(reference, scales);
  let stored = 0;
  let storedMax = 0;
  for (let i = 0; i < oracle.length; i++) {
    if (!Number.isFinite(oracle[i]!)) continue;
    const half = spacingAt(oracle[i]!, storage) / 2 / Math.max(scales[Math.floor(i / rowLength)]!, smallestScale);
    stored += half ** 2 / 3;
    storedMax = Math.max(storedMax, half);
  }
  const floorRms = Math.hypot(Math.sqrt(stored / Math.max(oracle.length, 1)), floors.rms);
  return { rms, max, floorRms, floorMax: storedMax + floors.max };
}

/** What any honest evaluation may add: a few roundings of the accumulation type at the magnitude of the result or its row. */
function accumulationFloors({ oracle, rowLength }: OutputReference, scales: Float64Array): { rms: number; max: number } {
  let squares = 0;
  let max = 0;
  for (let i = 0; i < oracle.length; i++) {
    if (!Number.isFinite(oracle[i]!)) continue;
    const scale = scales[Math.floor(i / rowLength)]!;
    const unit = spacingAt(Math.max(Math.abs(oracle[i]!), scale), accumulate) / Math.max(scale, smallestScale);
    squares += unit ** 2;
    max = Math.max(max, unit);
  }
  return {
    rms: thresholds.roundingFloorRmsUlp * Math.sqrt(squares / Math.max(oracle.length, 1)),
    max: thresholds.roundingFloorMaxUlp * max,
  };
}

/** Both gates of the envelope, on errors before storing. `envelope` may come from other cases of the same kind. */
export function checkEnvelope(reference: OutputReference, envelope: Envelope, candidate: Float64Array): GateReading[] {
  const { oracle, storage } = reference;
  const scales = scalesOfRows(reference);
  const floors = accumulationFloors(reference, scales);
  const size = sizeOfErrors(reference, scales, (i) => unexplainedError(candidate[i]!, oracle[i]!, storage));
  const maxBound = thresholds.envelopeMax * envelope.max + floors.max;
  const mismatches = [mismatchAt(reference, candidate, size.worst, size.max / maxBound)];
  return [
    { gate: "envelope-rms", measured: size.rms, bound: thresholds.envelopeRms * envelope.rms + floors.rms, mismatches },
    { gate: "envelope-max", measured: size.max, bound: maxBound, mismatches },
  ];
}
