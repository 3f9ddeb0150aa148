import type { SpeedFigure, Verdict } from "./contracts/verdict.js";

/** A speed-up over the baseline: 1.25 is a quarter faster. */
export interface RatioInterval {
  ratio: number;
  low: number;
  high: number;
}

/** Whether the code is right, faster or not. */
export const isAccepted = ({ verdict }: { verdict: Verdict }): boolean => verdict.outcome === "passed" || verdict.outcome === "surpassed";

/** The figures of the last measurement: the confirmation's where there is one, for the first figure of the best of many is biased upward. */
export function figuresOf(verdict: Verdict): SpeedFigure[] {
  const check = verdict.checks.findLast((result) => "figures" in result && (result.figures?.length ?? 0) > 0);
  return check && "figures" in check ? (check.figures ?? []) : [];
}

/**
 * Geometric mean over entries and sizes; null where nothing was timed. Where every single interval holds, the mean lies within the means
 * of the ends, so the interval covers at least 1 - sum(1 - confidence).
 */
export function speedUp(figures: SpeedFigure[]): RatioInterval | null {
  if (figures.length === 0) return null;
  const mean = (values: number[]) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
  return {
    ratio: mean(figures.map((figure) => figure.ratio)),
    low: mean(figures.map((figure) => figure.low)),
    high: mean(figures.map((figure) => figure.high)),
  };
}

export const speedUpOf = (verdict: Verdict): RatioInterval | null => speedUp(figuresOf(verdict));
