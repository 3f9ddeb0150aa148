import type { SpeedFigure } from "../../specs/contracts/verdict.js";

/** Of the time that all timed entries take together, the share that the measured physical limit would need, 0..1; null where nothing was timed. */
export function limitShare(figures: readonly SpeedFigure[]): number | null {
  const seconds = figures.reduce((sum, figure) => sum + figure.candidateSeconds, 0);
  const least = figures.reduce((sum, figure) => sum + figure.candidateSeconds * figure.limitFraction, 0);
  return seconds > 0 ? least / seconds : null;
}
