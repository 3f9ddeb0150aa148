import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { CheckName, CheckResult, Verdict } from "../../specs/contracts/verdict.js";
import { type RatioInterval, speedUpOf } from "../../specs/verdict-speed.js";
import { advance, emptyProgress, type ProgressState } from "../progress/progress-state.js";

type EventOf<Type extends ForgeEvent["type"]> = Extract<ForgeEvent, { type: Type }>;

/** One attempt of a run, as far as the log tells. */
export interface AttemptFacts {
  attempt: number;
  submitted: EventOf<"attempt-submitted">;
  /** Files that changed in the lane since its submission before; unknown where the log does not tell of changes. */
  changedFiles: string[];
  /** In their order; of an attempt that is being judged those that have ended. */
  checks: CheckResult[];
  running: CheckName | null;
  /** Null while it is being judged, or where the run ended before. */
  verdict: Verdict | null;
  judgedAt: string | null;
  ratio: RatioInterval | null;
  accepted: boolean;
}

/** A run as the page shows it: the terminal's own fold, and what it lists of each attempt beside. */
export interface RunFacts {
  started: EventOf<"run-started"> | null;
  progress: ProgressState;
  attempts: AttemptFacts[];
  trials: EventOf<"trial-finished">[];
  /** Where the elapsed time of the run stands. */
  elapsedMs: number;
}

export function runFacts(events: readonly ForgeEvent[]): RunFacts {
  const attempts = new Map<number, AttemptFacts>();
  const changed = new Map<number, Set<string>>();
  const trials: EventOf<"trial-finished">[] = [];
  let progress = emptyProgress;
  for (const event of events) {
    progress = advance(progress, event, Date.parse(event.at), event.run);
    if (event.type === "trial-finished") trials.push(event);
    if (event.type === "workspace-changed" || event.type === "tool-called") {
      const files = changed.get(event.lane) ?? new Set();
      for (const name of Object.keys(event.changed ?? {})) files.add(name);
      changed.set(event.lane, files);
    }
    advanceAttempts(attempts, changed, event);
  }
  const started = events[0]?.type === "run-started" ? events[0] : null;
  return { started, progress, attempts: [...attempts.values()], trials, elapsedMs: elapsedMs(events) };
}

function advanceAttempts(attempts: Map<number, AttemptFacts>, changed: Map<number, Set<string>>, event: ForgeEvent): void {
  if (event.type === "attempt-submitted") {
    const lane = event.lane ?? 0;
    attempts.set(event.attempt, {
      attempt: event.attempt,
      submitted: event,
      changedFiles: [...(changed.get(lane) ?? [])].sort(),
      checks: [],
      running: null,
      verdict: null,
      judgedAt: null,
      ratio: null,
      accepted: false,
    });
    changed.delete(lane);
    return;
  }
  if (!("attempt" in event)) return;
  const facts = attempts.get(event.attempt);
  if (!facts) return;
  switch (event.type) {
    case "check-started":
      facts.running = event.check;
      break;
    case "check-finished":
      facts.running = null;
      facts.checks = [...facts.checks.filter(({ check }) => check !== event.result.check), event.result];
      break;
    case "attempt-judged":
      Object.assign(facts, {
        running: null,
        checks: event.verdict.checks,
        verdict: event.verdict,
        judgedAt: event.at,
        ratio: speedUpOf(event.verdict),
      });
      break;
    case "framework-accepted":
      facts.accepted = true;
      break;
    default:
  }
}

function elapsedMs(events: readonly ForgeEvent[]): number {
  const last = events.at(-1);
  if (!last) return 0;
  if (last.type === "run-finished") return last.elapsedMs;
  return Date.parse(last.at) - Date.parse(events[0]!.at);
}
