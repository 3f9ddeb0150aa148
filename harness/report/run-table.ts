import type { RunEnd } from "../../specs/contracts/event.js";
import type { RunSummary } from "../../specs/contracts/store.js";
import { ratioText } from "../progress/ratio-text.js";
import { escapeText } from "./escape-text.js";
import { textTable } from "./text-table.js";

const header = ["RUN", "AGENT", "STARTED (UTC)", "ATTEMPTS", "BEST", "SPEED-UP", "STATE"];
const numbers = new Set([header.indexOf("ATTEMPTS"), header.indexOf("SPEED-UP")]);

/** A run as a list shows it; without the interval where none is known. `record`: the folder whose shipped record is all that is here of it. */
type ListedRun = RunSummary & { bestInterval?: { low: number; high: number } | null; record?: string };

/** What `forge runs` prints: one run a line, in the order given. */
export function runTable(runs: readonly ListedRun[]): string {
  if (runs.length === 0) return "no runs yet; `forge goal specs/kernels/rmsnorm.yaml` starts one";
  return textTable([header, ...runs.map(row)], numbers);
}

function row(summary: ListedRun): string[] {
  return [
    escapeText(summary.run),
    escapeText(summary.agent),
    minuteOf(summary.startedAt),
    String(summary.attempts),
    summary.bestOutcome ?? "-",
    speedUpText(summary),
    summary.record === undefined ? runStateText(summary) : `accepted; its record is in ${escapeText(summary.record)}`,
  ];
}

/** `1.83x [1.80, 1.86]` of what was accepted, `-` before. */
export function speedUpText({ bestRatio, bestInterval }: ListedRun): string {
  if (bestRatio === null) return "-";
  return bestInterval ? ratioText({ ratio: bestRatio, ...bestInterval }) : `${bestRatio.toFixed(2)}x`;
}

const resumable: ReadonlySet<RunEnd> = new Set<RunEnd>(["interrupted", "errored", "agent-stopped", "budget-spent"]);

/** How a run ended and whether it can go on. */
export function runStateText(summary: RunSummary): string {
  if (summary.end === null) return `unfinished, last event ${minuteOf(summary.lastEventAt)}`;
  return resumable.has(summary.end) ? `${summary.end}, can be resumed` : summary.end;
}

/** ISO 8601 to the minute, with a blank for the T. */
export function minuteOf(at: string): string {
  return at.slice(0, 16).replace("T", " ");
}
