import type { SpeedFigure } from "../../specs/contracts/verdict.js";

/** A speed-up over the baseline: 1.25 is a quarter faster. */
export interface RatioInterval {
  ratio: number;
  low: number;
  high: number;
}

/**
 * Geometric mean over entries and sizes. Where every single interval holds, the mean lies within the means of the ends, so the
 * interval covers at least 1 - sum(1 - confidence).
 */
export function ratioOfFigures(figures: SpeedFigure[]): RatioInterval {
  const mean = (values: number[]) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
  return {
    ratio: mean(figures.map((figure) => figure.ratio)),
    low: mean(figures.map((figure) => figure.low)),
    high: mean(figures.map((figure) => figure.high)),
  };
}

/** `1.83x [1.79, 1.88]`. */
export function ratioText(interval: RatioInterval): string {
  const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
  return `${digits(interval.ratio)}x [${digits(interval.low)}, ${digits(interval.high)}]`;
}
