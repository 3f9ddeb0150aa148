import type { MachineLoad, SpeedFigure, TimeBreakdown } from "../../specs/contracts/verdict.js";
import { durationText } from "../progress/duration-text.js";
import { ratioText } from "../progress/ratio-text.js";
import { escapeText } from "./escape-text.js";
import { textTable } from "./text-table.js";

/** Below this share of a core nobody need hear of it. */
const worthSaying = 0.02;

/**
 * One figure a line: what was timed, the speed-up with its interval, both times, how near the physical limit it is; then what others had of
 * the machine meanwhile.
 */
export function figuresText(figures: readonly SpeedFigure[]): string {
  const table = textTable(
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
  const load = loadText(figures);
  return load === null ? table : `${table}\n${load}`;
}

function loadText(figures: readonly SpeedFigure[]): string | null {
  const most = (share: keyof MachineLoad) => Math.max(0, ...figures.map(({ load }) => load?.[share] ?? 0));
  const parts = [
    most("stolen") >= worthSaying ? `the hypervisor took up to ${(100 * most("stolen")).toFixed(0)} % of a core` : "",
    most("foreign") >= worthSaying ? `others used up to ${(100 * most("foreign")).toFixed(0)} %` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? null : `while it was timed, ${parts.join(" and ")}`;
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
