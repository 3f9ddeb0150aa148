import { decideSpeed, maximumUnits, type SpeedDecision } from "./sequential-test.js";

/** Log-ratios of a unit, baseline over candidate. */
export interface Unit {
  /** Of the times without the slowest calls: what is judged. */
  ratio: number;
  /** Of the mean times of all calls. */
  meanRatio: number;
}

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

/** A candidate with every few calls a slow one is not called faster on the quick ones: its mean must be below the baseline's as well. */
export function decideUnits(units: Unit[], target: number, outOfTime: boolean): SpeedDecision {
  const decision = decideSpeed(
    units.map((unit) => unit.ratio),
    target,
    outOfTime,
  );
  const doubtful = decision.state === "decided" && decision.outcome === "faster" && median(units.map((unit) => unit.meanRatio)) <= 0;
  if (!doubtful) return decision;
  return outOfTime || units.length >= maximumUnits ? { state: "undecided", estimate: decision.estimate } : { state: "continue" };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[sorted.length >> 1]!;
}
