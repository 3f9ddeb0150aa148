import type { ExamSummary, ForgeEvent, GoalDescription } from "../specs/contracts/event.js";
import type { SandboxProtection } from "../specs/contracts/sandbox.js";
import type { MachineClass } from "../specs/contracts/target.js";
import type { Verdict } from "../specs/contracts/verdict.js";

/** What a run's record says of an attempt and how it was judged. */
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

/** The events of a run up to its last verdict: the record that goes with what was accepted, tries that came to nothing among it. */
export function recordOf(events: readonly ForgeEvent[]): ForgeEvent[] {
  return events.slice(0, events.findLastIndex((event) => event.type === "attempt-judged") + 1);
}

/** An attempt of a record; a string says why the record does not show that it was accepted. */
export function acceptedAttempt(record: readonly ForgeEvent[], attempt: number): AcceptedAttempt | string {
  const started = record[0];
  if (started?.type !== "run-started") return "the record does not begin with run-started";
  const submitted = record.find((event) => event.type === "attempt-submitted" && event.attempt === attempt);
  const judged = record.findLast((event) => event.type === "attempt-judged" && event.attempt === attempt);
  if (submitted?.type !== "attempt-submitted") return `the record holds no attempt ${attempt}`;
  if (judged?.type !== "attempt-judged") return `the record's attempt ${attempt} was not judged`;
  const { outcome } = judged.verdict;
  if (outcome !== "passed" && outcome !== "surpassed") return `the record's attempt ${attempt} was judged ${outcome}`;
  const { goal, machine, sandbox, exam } = started;
  // An allow-list: what ran in a sandbox that a test had weakened is worth nothing.
  if (sandbox.kind !== "bubblewrap" && sandbox.kind !== "none") return `the record's sandbox is ${sandbox.kind}, which certifies nothing`;
  return { attempt: judged.attempt, tree: submitted.tree, verdict: judged.verdict, goal, machine, sandbox, ...(exam ? { exam } : {}) };
}

/** The last attempt of a record that was accepted with this git tree; null where there is none. */
export function acceptedOf(record: readonly ForgeEvent[], tree: string): AcceptedAttempt | null {
  for (const event of [...record].reverse()) {
    if (event.type !== "attempt-submitted" || event.tree !== tree) continue;
    const accepted = acceptedAttempt(record, event.attempt);
    if (typeof accepted !== "string") return accepted;
  }
  return null;
}

/** The part of a certificate that follows from the record alone, so that the two can be held against each other. */
export function certifiedByRecord(record: readonly ForgeEvent[], attempt: number) {
  const accepted = acceptedAttempt(record, attempt);
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
