import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { CheckResult, Verdict } from "../../specs/contracts/verdict.js";
import { figuresOf, speedUp } from "../../specs/verdict-speed.js";
import { conversationLine, isLaneEvent } from "../progress/conversation-line.js";
import { durationText } from "../progress/duration-text.js";
import { evidenceText } from "../progress/evidence-text.js";
import { ratioText } from "../progress/ratio-text.js";
import { escapeText } from "./escape-text.js";
import { breakdownText, figuresText } from "./figures-text.js";
import { isOperationEvent, operationText } from "./operations-text.js";
import { minuteOf } from "./run-table.js";
import { spendingText } from "./spending-text.js";

type EventOf<Type extends ForgeEvent["type"]> = Extract<ForgeEvent, { type: Type }>;

/** What `forge show` prints: a run from its goal to its end, told from its events. A record ends with the verdict that accepted it. */
export function runStory(events: readonly ForgeEvent[], isRecord = false): string {
  const lines: string[] = [];
  let trials: EventOf<"trial-finished">[] = [];
  for (const event of events) {
    if (event.type === "trial-finished") {
      trials.push(event);
      continue;
    }
    if (trials.length > 0) lines.push(...trialsText(trials));
    trials = [];
    lines.push(...eventText(event));
  }
  if (trials.length > 0) lines.push(...trialsText(trials));
  const spending = spendingText(events);
  if (spending !== null) lines.push(`cost      ${spending}`);
  if (isRecord) lines.push("", "accepted; this is its record");
  else if (events.length > 0 && events.at(-1)?.type !== "run-finished")
    lines.push("", `unfinished; --resume ${events[0]?.run} continues it`);
  return lines.join("\n");
}

function eventText(event: ForgeEvent): string[] {
  if (isLaneEvent(event)) {
    const line = conversationLine(event);
    return line === null ? [] : [`  ${line}`];
  }
  if (isOperationEvent(event)) return [`  ${operationText(event)}`];
  switch (event.type) {
    case "run-started":
      return goalText(event);
    case "run-resumed":
      return ["", `resumed   ${minuteOf(event.at)} after ${count(event.attemptsSoFar, "attempt")}${cutText(event.truncatedBytes)}`];
    case "agent-noted":
      return [`  note    ${escapeText(event.text)}`];
    case "attempt-submitted":
      return ["", `attempt ${event.attempt}  ${escapeText(event.summary)}  (commit ${event.commit.slice(0, 10)})`];
    case "check-finished":
      return checkText(event.result);
    case "attempt-judged":
      return verdictText(event.verdict);
    case "framework-accepted": {
      const ratio = event.ratio === null ? "" : ` at ${event.ratio.toFixed(2)}x`;
      return ["", `accepted  attempt ${event.attempt}, ${event.outcome}${ratio}: ${escapeText(event.directory)}`];
    }
    case "run-finished":
      return [
        "",
        `ended     ${event.end} after ${count(event.attempts, "attempt")} and ${durationText(event.elapsedMs)}: ${escapeText(event.message)}`,
      ];
    default:
      return [];
  }
}

function goalText({ goal, machine, sandbox, run, at, forgeVersion }: EventOf<"run-started">): string[] {
  const { budget } = goal;
  return [
    `goal      ${goal.spec} ${goal.variant} on ${goal.target} with ${count(goal.threads, "thread")}, by ${escapeText(goal.agent)}`,
    `run       ${run}, started ${minuteOf(at)} UTC, Forge ${forgeVersion}`,
    `spec      ${escapeText(goal.specPath)} (sha256 ${goal.specHash.slice(0, 12)})`,
    `budget    ${count(budget.attempts, "attempt")}, ${budget.minutes} min`,
    `machine   ${escapeText(machine.cpuModel)}, ${count(machine.cores, "core")}`,
    `sandbox   ${sandbox.kind} ${escapeText(sandbox.version)}: ${sandbox.protections.join(", ") || "no protection"}`,
  ];
}

function trialsText(trials: readonly EventOf<"trial-finished">[]): string[] {
  const measured = trials.filter((trial) => trial.status === "measured").length;
  const best = trials.findLast((trial) => trial.best);
  const bestText = best ? `; best ${escapeText(best.label)}${best.seconds === null ? "" : ` at ${durationText(best.seconds * 1000)}`}` : "";
  return [`  tuning  ${count(trials.length, "trial")}, ${measured} measured, ${trials.length - measured} rejected${bestText}`];
}

function checkText(result: CheckResult): string[] {
  const head = `  ${result.status.padEnd(9)} ${result.check.padEnd(12)} ${durationText(result.durationMs).padStart(9)}  ${escapeText(result.summary)}`;
  switch (result.status) {
    case "failed":
      return [head, ...result.evidence.map((evidence) => `            ${evidenceText(evidence)}`)];
    case "passed":
      return [head, ...(result.warnings ?? []).map((warning) => `            warning: ${escapeText(warning)}`)];
    default:
      return [head, `            ${escapeText(result.reason)}`];
  }
}

function verdictText(verdict: Verdict): string[] {
  const figures = figuresOf(verdict);
  const lines = [`  verdict   ${verdict.outcome}${verdict.quick ? " (quick: public cases only, not timed)" : ""}`];
  const overall = speedUp(figures);
  if (overall) lines[0] += `, ${ratioText(overall)} the baseline's speed`;
  if (figures.length > 0) lines.push(...indent(figuresText(figures)));
  lines.push(`  time      ${breakdownText(verdict.breakdown)}`);
  return lines;
}

function indent(text: string): string[] {
  return text.split("\n").map((line) => `            ${line}`);
}

function cutText(bytes: number): string {
  return bytes === 0 ? "" : `; cut off ${count(bytes, "byte")} of an event that was being written`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
