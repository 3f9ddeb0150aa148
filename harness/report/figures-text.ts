import type { SpeedFigure, TimeBreakdown } from "../../specs/contracts/verdict.js";
import { durationText } from "../progress/duration-text.js";
import { ratioText } from "../progress/ratio-text.js";
import { escapeText } from "./escape-text.js";
import { textTable } from "./text-table.js";

/** One figure a line: what was timed, the speed-up with its interval, both times, how near the physical limit it is. */
export function figuresText(figures: readonly SpeedFigure[]): string {
  return textTable(
    figures.map((figure) => [
      escapeText(figure.entry),
      Object.entries(figure.sizes)
        .map(([symbol, value]) => `${symbol}=${value}`)
        .join(" "),
      ratioText(figure),
      figure.outcome,
      `${durationText(figure.baselineSeconds * 1000)} -> ${durationText(figure.candidateSeconds * 1000)}`,
      `${(figure.limitFraction * 100).toFixed(0)} % of the ${figure.limitedBy} limit`,
      figure.limitedBy === "bandwidth" ? `${giga(figure.bytesPerSecond)} GB/s` : `${giga(figure.flopsPerSecond)} GFLOP/s`,
    ]),
  );
}

/** Where a verdict's time went: the total, then what is not nothing, largest first. */
export function breakdownText(breakdown: TimeBreakdown): string {
  const parts = Object.entries(breakdown).sort(([, a], [, b]) => b - a);
  const total = parts.reduce((sum, [, milliseconds]) => sum + milliseconds, 0);
  if (total === 0) return durationText(0);
  const shares = parts
    .filter(([, milliseconds]) => milliseconds / total >= 0.005)
    .map(([name, milliseconds]) => `${name} ${((milliseconds / total) * 100).toFixed(0)} %`);
  return `${durationText(total)}: ${shares.join(", ")}`;
}

function giga(perSecond: number): string {
  return (perSecond / 1e9).toFixed(1);
}
