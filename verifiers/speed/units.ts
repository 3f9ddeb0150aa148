import type { Law } from "../laws.js";
import { thresholds } from "../thresholds.js";
import { decideSpeed, maximumUnits, type SpeedDecision } from "./sequential-test.js";

/** What one unit of a duel measured; times are seconds a call. */
export interface Unit {
  /** Log-ratio, baseline over candidate, of the times without the slowest calls: what is judged. */
  ratio: number;
  /** Means over all calls. */
  candidateMean: number;
  baselineMean: number;
}

export type UnitsDecision = Exclude<SpeedDecision, { state: "undecided" }> | (SpeedDecision & { state: "undecided"; reason: string });

/**
 * Mean of what is left when the largest `share` of the values is dropped; a value at the edge counts in part, so that samples of
 * different size drop exactly the same share. (Tukey 1962, "The future of data analysis": one-sided, for bursts only ever slow down.)
 */
export function trimmedMean(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const kept = sorted.length * (1 - share);
  let sum = 0;
  sorted.forEach((value, index) => {
    sum += value * Math.min(1, Math.max(0, kept - index));
  });
  return sum / kept;
}

/** Log-ratio of the mean times over all calls of all these units. */
export function meanLogRatio(units: readonly Unit[]): number {
  const sum = (side: "candidateMean" | "baselineMean") => units.reduce((total, unit) => total + unit[side], 0);
  return Math.log(sum("baselineMean") / sum("candidateMean"));
}

/**
 * The sequential test on the units' ratios, and a guard against calls that are slow on purpose: a candidate is called faster only if the
 * mean over all its calls is below the baseline's by the target too, and not far less than the quick calls claim.
 */
export function decideUnits(units: readonly Unit[], target: number, outOfTime: boolean, suspended?: Law): UnitsDecision {
  const decision = decideSpeed(
    units.map((unit) => unit.ratio),
    target,
    outOfTime,
  );
  if (decision.state === "undecided")
    return { ...decision, reason: `the interval still straddles a boundary after ${decision.estimate.units} units` };
  if (decision.state !== "decided" || decision.outcome !== "faster" || suspended === "all calls count") return decision;
  const least = Math.max(Math.log(target), decision.estimate.low - Math.log(1 + thresholds.meanShortfall));
  const mean = meanLogRatio(units);
  if (mean > least) return decision;
  if (!outOfTime && units.length < maximumUnits) return { state: "continue" };
  const reason = `some calls are far slower than the others: over all calls it is ${Math.exp(mean).toFixed(2)}x the baseline's speed`;
  return { state: "undecided", estimate: decision.estimate, reason };
}

/** At least 4 and 50 ms of them; of slow calls fewer, but 2, so that the slowest of a unit can still be left out. */
export function callsPerBlock(millisecondsPerCall: number): number {
  const { blockMs, blockCalls, longBlockMs } = thresholds;
  const enough = Math.max(2, Math.ceil(longBlockMs / millisecondsPerCall));
  return Math.max(Math.ceil(blockMs / millisecondsPerCall), Math.min(blockCalls, enough));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[sorted.length >> 1]!;
}
