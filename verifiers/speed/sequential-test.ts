import { thresholds } from "../thresholds.js";

/**
 * A sequential sign test on paired log-ratios, and the interval of their median that inverts it.
 *
 * Under the null hypothesis the order of the two contestants in a unit is a coin flip (ABBA or BAAB), so a unit's log-ratio is above
 * the median with probability 1/2 whatever the noise looks like. The number of units above it is a binomial random walk; the
 * probability that this walk ever crosses the boundary at one of the looks is summed exactly, so that stopping early does not add to
 * the stated error. (Sequential boundaries: Armitage, McPherson and Rowe 1969; spending: Lan and DeMets 1983; intervals of a median
 * from order statistics: Thompson 1936.)
 */

/** Numbers of units after which a decision may be taken. */
export const looks = [12, 16, 20, 24, 32, 40, 48, 64] as const;
export const maximumUnits = looks.at(-1)!;

/**
 * One-sided error given to the early stop for gross effects. Where processes come in a fast and a slow kind, of which a share p is slow, a
 * unit of a thing against itself is off in a given direction with probability p (1 - p), which is a quarter at most, whatever the kinds.
 */
const grossError = 0.25 ** thresholds.grossUnits;

/** For each look, the order statistic k such that [d(k), d(n+1-k)] is the interval; 0 where the look cannot decide. */
export const boundary: ReadonlyMap<number, number> = computeBoundary(thresholds.speedFalseClaim / 2 - grossError);

/** Probability, summed exactly, that a fair walk crosses the boundary upwards at any look. */
export function crossingProbability(ranks: ReadonlyMap<number, number>): number {
  return walk(ranks).crossed;
}

function walk(ranks: ReadonlyMap<number, number>): { crossed: number; alive: number[] } {
  let alive = [1];
  let crossed = 0;
  for (let n = 1; n <= maximumUnits; n++) {
    const next = new Array<number>(n + 1).fill(0);
    for (let below = 0; below < alive.length; below++) {
      next[below]! += alive[below]! / 2;
      next[below + 1]! += alive[below]! / 2;
    }
    const rank = ranks.get(n) ?? 0;
    // d(k) > 0 means that at most k - 1 of n units lie below.
    for (let below = 0; below < rank; below++) {
      crossed += next[below]!;
      next[below] = 0;
    }
    alive = next;
  }
  return { crossed, alive };
}

function computeBoundary(error: number): Map<number, number> {
  const ranks = new Map<number, number>();
  for (const look of looks) {
    const allowance = error * (0.35 + (0.65 * look) / maximumUnits);
    let rank = 0;
    while (walk(new Map([...ranks, [look, rank + 1]])).crossed <= allowance) rank++;
    ranks.set(look, rank);
  }
  return ranks;
}

export interface RatioEstimate {
  /** Median of the log-ratios baseline/candidate. */
  median: number;
  low: number;
  high: number;
  confidence: number;
  units: number;
}

export type SpeedDecision =
  | { state: "continue" }
  | { state: "decided"; outcome: "faster" | "slower" | "within"; estimate: RatioEstimate }
  | { state: "undecided"; estimate: RatioEstimate };

const medianOf = (sorted: number[]): number => {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

/** Coverage of [d(k), d(n+1-k)] for the median of n independent units, by itself. */
function coverage(n: number, k: number): number {
  let term = 0.5 ** n;
  let tail = 0;
  for (let i = 0; i < k; i++) {
    tail += term;
    term *= (n - i) / (i + 1);
  }
  return 1 - 2 * tail;
}

/** What is known after these units: the interval of the last look, or the range where none has been reached. */
export function estimateRatio(logRatios: number[]): RatioEstimate {
  const sorted = [...logRatios].sort((a, b) => a - b);
  const n = sorted.length;
  const rank = Math.max(1, boundary.get(n) ?? 1);
  return {
    median: medianOf(sorted),
    low: sorted[rank - 1]!,
    high: sorted[n - rank]!,
    confidence: boundary.get(n) ? 1 - thresholds.speedFalseClaim : coverage(n, rank),
    units: n,
  };
}

/** Whether a decision may fall after so many units. */
export const mayDecideAfter = (units: number): boolean => units === thresholds.grossUnits || (boundary.get(units) ?? 0) > 0;

/** Decides after any number of units; only looks (and the gross-effect look) can decide. `target` is the ratio that faster must exceed. */
export function decideSpeed(logRatios: number[], target: number, outOfTime: boolean): SpeedDecision {
  const n = logRatios.length;
  const resolution = Math.log(1 + thresholds.speedResolution);
  const bar = Math.max(Math.log(target), resolution);
  if (n === thresholds.grossUnits) {
    const gross = Math.log(thresholds.grossEffect);
    if (logRatios.every((value) => value > Math.max(gross, bar)))
      return { state: "decided", outcome: "faster", estimate: estimateRatio(logRatios) };
    if (logRatios.every((value) => value < -gross)) return { state: "decided", outcome: "slower", estimate: estimateRatio(logRatios) };
  }
  if (boundary.get(n)) {
    const estimate = estimateRatio(logRatios);
    if (estimate.low > bar) return { state: "decided", outcome: "faster", estimate };
    if (estimate.high < -resolution) return { state: "decided", outcome: "slower", estimate };
    if (estimate.low > -resolution && estimate.high < resolution) return { state: "decided", outcome: "within", estimate };
  }
  if (n >= maximumUnits || (outOfTime && n > 0)) return { state: "undecided", estimate: estimateRatio(logRatios) };
  return { state: "continue" };
}
