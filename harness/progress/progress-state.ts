import type { EventBody, GoalDescription, RunEnd } from "../../specs/contracts/event.js";
import {
  type CheckName,
  type CheckResult,
  type CheckStatus,
  kernelChecks,
  type Outcome,
  trainerChecks,
  type Verdict,
} from "../../specs/contracts/verdict.js";
import { isAccepted, type RatioInterval, speedUpOf } from "../../specs/verdict-speed.js";
import { isOperationEvent, operationText } from "../report/operations-text.js";
import { conversationLine, isLaneEvent } from "./conversation-line.js";

/** One rung of the ladder of checks of the attempt being judged. */
export type Rung =
  | { state: "waiting"; check: CheckName }
  | { state: "running"; check: CheckName; startedAtMs: number }
  | { state: CheckStatus; check: CheckName; durationMs: number; summary: string };

export type AttemptProgress =
  | { state: "judging"; attempt: number; summary: string }
  | { state: Outcome; attempt: number; summary: string; ratio: RatioInterval | null; stoppedBy: CheckResult | null };

export interface TuningProgress {
  planned: number;
  finished: number;
  rejected: number;
  best: { label: string; seconds: number } | null;
}

/** What a live view shows; a pure function of the events so far. */
export interface ProgressState {
  startedAtMs: number | null;
  run: string | null;
  goal: GoalDescription | null;
  ladder: Rung[];
  attempts: AttemptProgress[];
  /** Attempts of a resumed run whose events were not seen here. */
  attemptsBefore: number;
  tuning: TuningProgress | null;
  /** Of the accepted attempt where there is one, else the best so far. */
  best: { attempt: number; ratio: RatioInterval } | null;
  accepted: { attempt: number; outcome: Outcome; directory: string } | null;
  note: string | null;
  end: { end: RunEnd; message: string; elapsedMs: number } | null;
}

const freshLadder = (): Rung[] => kernelChecks.map((check) => ({ state: "waiting", check }));

export const emptyProgress: ProgressState = {
  startedAtMs: null,
  run: null,
  goal: null,
  ladder: freshLadder(),
  attempts: [],
  attemptsBefore: 0,
  tuning: null,
  best: null,
  accepted: null,
  note: null,
  end: null,
};

/** `atMs`: when the event happened, in milliseconds since the epoch. `run`: null for a check outside of a run. */
export function advance(state: ProgressState, event: EventBody, atMs: number, run: string | null = null): ProgressState {
  const since = { ...state, startedAtMs: state.startedAtMs ?? atMs, run: run ?? state.run };
  if (isLaneEvent(event)) {
    const line = conversationLine(event);
    return line === null ? since : { ...since, note: line };
  }
  if (isOperationEvent(event)) return { ...since, note: operationText(event) };
  switch (event.type) {
    case "run-started":
      return { ...since, goal: event.goal };
    case "run-resumed":
      return {
        ...since,
        // The clock of a resumed run starts anew; its budget counts the attempts of the whole run.
        startedAtMs: atMs,
        attemptsBefore: Math.max(0, event.attemptsSoFar - since.attempts.length),
        ladder: freshLadder(),
        tuning: null,
        note: `resumed after ${event.attemptsSoFar} attempt(s)`,
        end: null,
      };
    case "agent-noted":
      return { ...since, note: event.text };
    case "tuning-started":
      return { ...since, tuning: { planned: event.trialsPlanned, finished: 0, rejected: 0, best: null } };
    case "trial-finished":
      return { ...since, tuning: finishTrial(since.tuning, event) };
    case "attempt-submitted": {
      const attempt: AttemptProgress = { state: "judging", attempt: event.attempt, summary: event.summary };
      return { ...since, ladder: freshLadder(), attempts: [...withoutAttempt(since, event.attempt), attempt] };
    }
    case "check-started":
      return { ...since, ladder: replaceRung(since.ladder, { state: "running", check: event.check, startedAtMs: atMs }) };
    case "check-finished": {
      const { status, check, durationMs, summary } = event.result;
      return { ...since, ladder: replaceRung(since.ladder, { state: status, check, durationMs, summary }) };
    }
    case "attempt-judged":
      return judge(since, event.attempt, event.verdict);
    case "framework-accepted":
      return accept(since, event.attempt, event.outcome, event.directory);
    case "run-finished":
      return { ...since, end: { end: event.end, message: event.message, elapsedMs: event.elapsedMs } };
  }
}

function finishTrial(tuning: TuningProgress | null, event: Extract<EventBody, { type: "trial-finished" }>): TuningProgress {
  const before = tuning ?? { planned: 0, finished: 0, rejected: 0, best: null };
  const isBest = event.best && event.seconds !== null;
  return {
    planned: before.planned,
    finished: before.finished + 1,
    rejected: before.rejected + (event.status === "rejected" ? 1 : 0),
    best: isBest ? { label: event.label, seconds: event.seconds ?? 0 } : before.best,
  };
}

function replaceRung(ladder: Rung[], rung: Rung): Rung[] {
  // A check that kernels do not have: it is a trainer that climbs.
  if (!ladder.some(({ check }) => check === rung.check)) {
    const known = (check: CheckName) => ladder.find((old) => old.check === check) ?? { state: "waiting" as const, check };
    return replaceRung(trainerChecks.map(known), rung);
  }
  return ladder.map((old) => (old.check === rung.check ? rung : old));
}

function withoutAttempt(state: ProgressState, attempt: number): AttemptProgress[] {
  return state.attempts.filter((known) => known.attempt !== attempt);
}

function judge(state: ProgressState, attempt: number, verdict: Verdict): ProgressState {
  const ratio = speedUpOf(verdict);
  const judged: AttemptProgress = {
    state: verdict.outcome,
    attempt,
    summary: state.attempts.find((known) => known.attempt === attempt)?.summary ?? "",
    ratio,
    stoppedBy: verdict.checks.find((result) => result.status === "failed" || result.status === "errored") ?? null,
  };
  const counts = isAccepted({ verdict });
  const isBest = counts && ratio !== null && state.accepted === null && (state.best === null || ratio.ratio > state.best.ratio.ratio);
  return {
    ...state,
    attempts: [...withoutAttempt(state, attempt), judged],
    tuning: null,
    best: isBest ? { attempt, ratio } : state.best,
  };
}

function accept(state: ProgressState, attempt: number, outcome: Outcome, directory: string): ProgressState {
  const accepted = state.attempts.find((known) => known.attempt === attempt);
  // The figure of what was accepted, whatever a luckier attempt had shown.
  const best = accepted && accepted.state !== "judging" && accepted.ratio ? { attempt, ratio: accepted.ratio } : state.best;
  return { ...state, accepted: { attempt, outcome, directory }, best };
}
