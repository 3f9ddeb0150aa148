import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { RunSummary } from "../../specs/contracts/store.js";
import type { Outcome } from "../../specs/contracts/verdict.js";
import { speedUpOf } from "../../specs/verdict-speed.js";

/** A line of the index with the interval that belongs to `bestRatio`: a speed-up without one says too much. */
export interface RunLine extends RunSummary {
  bestInterval: { low: number; high: number } | null;
}

/** From worst to best. */
const ranks: readonly Outcome[] = ["errored", "failed", "passed", "surpassed"];

/** What one more event makes of a run's line in the index; null until the run has started. */
function summaryAfter(summary: RunSummary | null, event: ForgeEvent): RunSummary | null {
  if (event.type === "run-started") {
    const { spec, variant, target, agent } = event.goal;
    return {
      run: event.run,
      spec,
      variant,
      target,
      agent,
      startedAt: event.at,
      lastEventAt: event.at,
      attempts: 0,
      bestOutcome: null,
      bestRatio: null,
      end: null,
    };
  }
  if (summary === null) return null;
  const next = { ...summary, lastEventAt: event.at };
  switch (event.type) {
    case "run-resumed":
      return { ...next, end: null };
    case "attempt-submitted":
      return { ...next, attempts: next.attempts + 1 };
    case "attempt-judged":
      return { ...next, bestOutcome: better(next.bestOutcome, event.verdict.outcome) };
    case "framework-accepted":
      return { ...next, bestOutcome: better(next.bestOutcome, event.outcome), bestRatio: event.ratio };
    case "run-finished":
      return { ...next, end: event.end };
    default:
      return next;
  }
}

export function summarizeRun(events: readonly ForgeEvent[]): RunLine | null {
  const summary = events.reduce<RunSummary | null>(summaryAfter, null);
  return summary && { ...summary, bestInterval: intervalOfAccepted(events) };
}

function intervalOfAccepted(events: readonly ForgeEvent[]): RunLine["bestInterval"] {
  const accepted = events.findLast((event) => event.type === "framework-accepted");
  const judged = accepted && events.findLast((event) => event.type === "attempt-judged" && event.attempt === accepted.attempt);
  const interval = judged?.type === "attempt-judged" ? speedUpOf(judged.verdict) : null;
  return interval && { low: interval.low, high: interval.high };
}

function better(a: Outcome | null, b: Outcome): Outcome {
  return a === null || ranks.indexOf(b) > ranks.indexOf(a) ? b : a;
}
