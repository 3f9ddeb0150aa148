import type { SandboxProtection } from "./sandbox.js";
import type { MachineClass } from "./target.js";
import type { CheckName, CheckResult, Outcome, Verdict } from "./verdict.js";

/** What a goal is: spec x variant x target x agent x budget. */
export interface GoalDescription {
  spec: string;
  specPath: string;
  specHash: string;
  variant: string;
  target: string;
  agent: string;
  threads: number;
  budget: { attempts: number; minutes: number };
}

/** What examining the exam found (see docs/spec.md): how many planted mistakes its gates noticed, of those that could be. */
export interface ExamSummary {
  strong: boolean;
  noticed: number;
  of: number;
  /** Of the spec, its reference and all that the finding depends on. */
  hash: string;
}

/** Why a run ended. */
export type RunEnd = "surpassed" | "passed" | "nothing-passed" | "budget-spent" | "interrupted" | "errored";

/**
 * Everything observable is one of these; the terminal, the store and the dashboard only read events.
 * `sequence` counts from 0 in a run without gaps; `at` is ISO 8601 UTC.
 */
export type ForgeEvent = EventBody & { sequence: number; at: string; run: string };

export type EventBody =
  | {
      type: "run-started";
      formatVersion: 1;
      goal: GoalDescription;
      machine: MachineClass;
      sandbox: SandboxProtection;
      forgeVersion: string;
      /** Absent where nobody examined it. */
      exam?: ExamSummary;
    }
  | { type: "run-resumed"; attemptsSoFar: number; truncatedBytes: number }
  | { type: "agent-noted"; text: string }
  | { type: "tuning-started"; trialsPlanned: number }
  | { type: "trial-finished"; label: string; status: "measured" | "rejected"; seconds: number | null; best: boolean; detail: string }
  | { type: "attempt-submitted"; attempt: number; commit: string; tree: string; summary: string }
  | { type: "check-started"; attempt: number; check: CheckName }
  | { type: "check-finished"; attempt: number; result: CheckResult }
  | { type: "attempt-judged"; attempt: number; verdict: Verdict; bestRatio: number | null }
  | { type: "framework-accepted"; attempt: number; outcome: Outcome; directory: string; ratio: number | null }
  | { type: "run-finished"; end: RunEnd; attempts: number; elapsedMs: number; message: string };
