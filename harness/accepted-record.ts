import type { ExamSummary, ForgeEvent, GoalDescription } from "../specs/contracts/event.js";
import type { SandboxProtection } from "../specs/contracts/sandbox.js";
import type { MachineClass } from "../specs/contracts/target.js";
import type { Verdict } from "../specs/contracts/verdict.js";

/** What a run's record says of its last attempt and how it was judged. */
export interface AcceptedAttempt {
  attempt: number;
  tree: string;
  verdict: Verdict;
  goal: GoalDescription;
  machine: MachineClass;
  sandbox: SandboxProtection;
  exam?: ExamSummary;
}

/** Where the log says that an attempt was accepted already; null where it does not. */
export function acceptanceOf(events: readonly ForgeEvent[], attempt: number): Extract<ForgeEvent, { type: "framework-accepted" }> | null {
  const event = events.findLast((candidate) => candidate.type === "framework-accepted" && candidate.attempt === attempt);
  return event?.type === "framework-accepted" ? event : null;
}

/** The events of a run up to the verdict on an attempt: the record that goes with it, whose last attempt it is. */
export function recordOf(events: readonly ForgeEvent[], attempt: number): ForgeEvent[] {
  const judged = events.findIndex((event) => event.type === "attempt-judged" && event.attempt === attempt);
  if (judged === -1) throw new Error(`the run holds no verdict on attempt ${attempt}`);
  return events.slice(0, judged + 1);
}

/** The last attempt of a record; a string says why the record does not show an accepted one. */
export function acceptedAttempt(record: readonly ForgeEvent[]): AcceptedAttempt | string {
  const started = record[0];
  if (started?.type !== "run-started") return "the record does not begin with run-started";
  const submitted = record.findLast((event) => event.type === "attempt-submitted");
  const judged = record.findLast((event) => event.type === "attempt-judged");
  if (!submitted || !judged) return "the record holds no judged attempt";
  if (submitted.attempt !== judged.attempt) return `the record's last attempt ${submitted.attempt} was not judged`;
  const { outcome } = judged.verdict;
  if (outcome !== "passed" && outcome !== "surpassed") return `the record's last attempt ${judged.attempt} was judged ${outcome}`;
  const { goal, machine, sandbox, exam } = started;
  // An allow-list: what ran in a sandbox that a test had weakened is worth nothing.
  if (sandbox.kind !== "bubblewrap" && sandbox.kind !== "none") return `the record's sandbox is ${sandbox.kind}, which certifies nothing`;
  return { attempt: judged.attempt, tree: submitted.tree, verdict: judged.verdict, goal, machine, sandbox, ...(exam ? { exam } : {}) };
}

/** The part of a certificate that follows from the record alone, so that the two can be held against each other. */
export function certifiedByRecord(record: readonly ForgeEvent[]) {
  const accepted = acceptedAttempt(record);
  if (typeof accepted === "string") throw new Error(accepted);
  const { goal, verdict } = accepted;
  const confirmation = verdict.checks.findLast((check) => "figures" in check && check.figures !== undefined);
  return {
    format: "forge-certificate/1" as const,
    outcome: verdict.outcome === "surpassed" ? ("surpassed" as const) : ("passed" as const),
    variant: goal.variant,
    target: goal.target,
    agent: goal.agent,
    threads: goal.threads,
    tree: accepted.tree,
    attempt: accepted.attempt,
    machine: accepted.machine,
    sandbox: accepted.sandbox,
    ...(accepted.exam ? { exam: accepted.exam } : {}),
    checks: verdict.checks.map(({ check, status, summary }) => ({ check, status, summary })),
    seeds: { ...verdict.seeds },
    thresholds: verdict.thresholds,
    figures: confirmation && "figures" in confirmation ? (confirmation.figures ?? []) : [],
  };
}
