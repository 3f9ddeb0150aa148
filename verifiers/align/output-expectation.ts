import type { Law } from "../laws.js";
import { type BiasExpectation, checkBias, expectBias } from "./bias.js";
import { checkClasses, expectedClasses } from "./classes.js";
import { checkEnvelope, type Envelope, measureEnvelope } from "./envelope.js";
import { checkMagnitudes, expectMagnitudes, type MagnitudeExpectation } from "./magnitude-groups.js";
import { countWrong, type GateReading, isFailure, type OutputReference } from "./output-reference.js";

/** What any right candidate must give for one output of one case. Holds no honest evaluation: those are large, this is kept. */
export type OutputExpectation =
  | { kind: "exact"; reference: OutputReference }
  | {
      kind: "close";
      reference: OutputReference;
      classes: Uint8Array;
      envelope: Envelope;
      magnitudes: MagnitudeExpectation | null;
      bias: BiasExpectation | null;
    };

/** `pooled`: an envelope found elsewhere, for samples too small to have their own; without honest evaluations there is no bias and no scatter to compare with. */
export function expectOutput(reference: OutputReference, exact: boolean, seed: string, pooled?: Envelope): OutputExpectation {
  const kept = { ...reference, honest: [] };
  if (exact) return { kind: "exact", reference: kept };
  return {
    kind: "close",
    reference: kept,
    classes: expectedClasses(reference),
    envelope: pooled ?? measureEnvelope(reference),
    magnitudes: reference.honest.length > 0 ? expectMagnitudes(reference) : null,
    bias: reference.honest.length > 0 ? expectBias(reference, seed) : null,
  };
}

/** Bitwise but for the sign of zero: the result of an exact probe is known to the last bit. */
function checkExact(reference: OutputReference, candidate: Float64Array): GateReading {
  const wrong: number[] = [];
  for (let i = 0; i < reference.oracle.length; i++) if (candidate[i] !== reference.oracle[i]) wrong.push(i);
  return countWrong("exact-probe", reference, candidate, wrong);
}

/** A tolerance of one per cent, absolute and relative: what the law of precision is more than. */
function checkCarelessly(reference: OutputReference, candidate: Float64Array): GateReading {
  const wrong: number[] = [];
  for (const [i, expected] of reference.oracle.entries())
    if (Math.abs(candidate[i]! - expected) > 0.01 + 0.01 * Math.abs(expected)) wrong.push(i);
  return countWrong("envelope-max", reference, candidate, wrong);
}

/** The gates in order; what comes after a failure is not measured. */
export function readGates(expectation: OutputExpectation, candidate: Float64Array, suspended?: Law): GateReading[] {
  const { reference } = expectation;
  if (expectation.kind === "exact") return [checkExact(reference, candidate)];
  const { classes, envelope, magnitudes, bias } = expectation;
  if (suspended === "precision") return [checkClasses(reference, classes, candidate), checkCarelessly(reference, candidate)];
  const gates: (() => GateReading[])[] = [
    () => [checkClasses(reference, classes, candidate)],
    () => checkEnvelope(reference, envelope, candidate),
    () => (magnitudes ? [checkMagnitudes(reference, magnitudes, candidate)] : []),
    () => (bias ? [checkBias(reference, bias, candidate)] : []),
  ];
  const readings: GateReading[] = [];
  for (const gate of gates) {
    readings.push(...gate());
    if (readings.some(isFailure)) break;
  }
  return readings;
}
