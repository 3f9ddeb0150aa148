import type { TokenUsage, ToolAnswer, ToolCall, Turn } from "./conversation.js";
import type { MergeDecision, PlannedOperation } from "./operations.js";
import type { SandboxProtection } from "./sandbox.js";
import type { MachineClass } from "./target.js";
import type { CheckName, CheckResult, Outcome, Verdict } from "./verdict.js";

/** What a goal may spend; what is absent is unlimited. */
export interface BudgetLimits {
  attempts: number;
  minutes: number;
  tokens?: number;
  /** US dollars. */
  dollars?: number;
}

/** What a goal is: spec x variant x target x agent x budget. */
export interface GoalDescription {
  spec: string;
  specPath: string;
  specHash: string;
  variant: string;
  target: string;
  agent: string;
  threads: number;
  budget: BudgetLimits;
  /** How it goes on once something has passed; `linear` where absent. */
  strategy?: string;
}

/** What examining the exam found (see docs/spec.md): how many planted mistakes its gates noticed, of those that could be. */
export interface ExamSummary {
  strong: boolean;
  noticed: number;
  of: number;
  /** Of the spec, its reference and all that the finding depends on. */
  hash: string;
}

/** Why a run ended. `agent-stopped`: who wrote the code could not go on (an account's limit, a wrong key); the best so far is accepted. */
export type RunEnd = "surpassed" | "passed" | "nothing-passed" | "budget-spent" | "interrupted" | "agent-stopped" | "errored";

/**
 * Everything observable is one of these; the terminal, the store and the dashboard only read events.
 * `sequence` counts from 0 in a run without gaps; `at` is ISO 8601 UTC.
 */
export type ForgeEvent = EventBody & { sequence: number; at: string; run: string };

/** One lane's conversation: what was said, and what its tools did. */
export type ConversationEvent =
  /** `dollars` is null where the model's price is not known. */
  | { type: "agent-turned"; lane: number; turn: Exclude<Turn, { role: "tools" }>; usage?: TokenUsage; dollars?: number | null }
  /** `changed`: files of the workspace that the call changed, null where one went; logged with its answer, so that a call counts whole or not at all. */
  | {
      type: "tool-called";
      lane: number;
      call: ToolCall;
      answer: ToolAnswer;
      durationMs: number;
      changed?: Record<string, string | null>;
    }
  /** Turns so far give way to this text: the conversation was longer than the model takes. */
  | { type: "conversation-compacted"; lane: number; text: string };

export type EventBody =
  | ConversationEvent
  /** Changes that no tool call of the log made: the agent's own, the strategy's that set the workspace back, or those of somebody outside (a coding CLI, a person). */
  | { type: "workspace-changed"; lane: number; changed: Record<string, string | null>; by: "agent" | "strategy" | "outside" }
  | { type: "notes-written"; lane: number; text: string }
  | { type: "lane-opened"; lane: number; base: number | null; text: string }
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
  | { type: "run-resumed"; attemptsSoFar: number; truncatedBytes: number; budget?: BudgetLimits }
  | { type: "agent-noted"; text: string }
  | { type: "tuning-started"; trialsPlanned: number }
  | { type: "trial-finished"; label: string; status: "measured" | "rejected"; seconds: number | null; best: boolean; detail: string }
  /** `lane` is 0 and `base` unknown where absent. `base`: the attempt whose code this one began from. */
  | {
      type: "attempt-submitted";
      attempt: number;
      commit: string;
      tree: string;
      summary: string;
      lane?: number;
      base?: number | null;
      lessons?: string[];
    }
  /** Of a trainer that is made of operations. */
  | { type: "operations-planned"; operations: PlannedOperation[] }
  | { type: "operation-begun"; operation: string; operationRun: string }
  /** `ratio`: of what was accepted over the operation's baseline. `spent`: by the operation's own run, which counts here too. */
  | {
      type: "operation-forged";
      operation: string;
      operationRun: string;
      end: RunEnd;
      ratio: number | null;
      spent: { tokens: number; dollars: number; unpricedRequests: number };
    }
  | ({ type: "merge-decided" } & MergeDecision)
  | { type: "check-started"; attempt: number; check: CheckName }
  | { type: "check-finished"; attempt: number; result: CheckResult }
  /** Where the lane goes on: `base` is the attempt that its workspace was set to, null where it stayed. */
  | { type: "submission-answered"; attempt: number; lane: number; base: number | null; direction: string | null }
  | { type: "attempt-judged"; attempt: number; verdict: Verdict; bestRatio: number | null }
  | { type: "framework-accepted"; attempt: number; outcome: Outcome; directory: string; ratio: number | null }
  | { type: "run-finished"; end: RunEnd; attempts: number; elapsedMs: number; message: string };
