import type { EventBody } from "../../specs/contracts/event.js";
import type { CheckResult, Evidence, Verdict } from "../../specs/contracts/verdict.js";
import { checkLabel } from "../report/check-label.js";
import { escapeText } from "../report/escape-text.js";
import { isOperationEvent, operationText } from "../report/operations-text.js";
import { conversationLine, isLaneEvent } from "./conversation-line.js";
import { durationText } from "./duration-text.js";
import { evidenceText } from "./evidence-text.js";
import { advance, emptyProgress, type ProgressState } from "./progress-state.js";
import { ratioText } from "./ratio-text.js";

/** Turns events into lines for a pipe or a log, one line per event; keeps the little state that some lines need. */
export function createPlainLines(): (event: EventBody, atMs: number) => string | null {
  let state: ProgressState = emptyProgress;
  return (event, atMs) => {
    state = advance(state, event, atMs);
    return plainLine(event, state);
  };
}

/** `state`: after the event. Null for what is not worth a line. */
export function plainLine(event: EventBody, state: ProgressState): string | null {
  if (isLaneEvent(event)) return conversationLine(event);
  if (isOperationEvent(event)) return operationText(event);
  switch (event.type) {
    case "run-started": {
      const { spec, variant, target, agent, threads, budget } = event.goal;
      const cpu = escapeText(event.machine.cpuModel);
      return `goal: ${spec} ${variant} on ${target} (${cpu}, ${threads} thread(s), sandbox ${event.sandbox.kind}) by ${agent}; budget ${budget.attempts} attempts, ${budget.minutes} min`;
    }
    case "run-resumed": {
      const cut = event.truncatedBytes > 0 ? `; cut ${event.truncatedBytes} bytes of a torn last line` : "";
      return `resumed: ${event.attemptsSoFar} attempt(s) so far${cut}`;
    }
    case "agent-noted":
      return `note: ${escapeText(event.text)}`;
    case "tuning-started":
      return `tuning: ${event.trialsPlanned} trial(s) planned`;
    case "trial-finished":
      return trialLine(event, state);
    case "attempt-submitted":
      return `attempt ${event.attempt}: ${escapeText(event.summary)} (commit ${event.commit.slice(0, 10)})`;
    case "check-started":
      return `  ${checkLabel(event.check)}: running`;
    case "check-finished":
      return `  ${checkLine(event.result)}`;
    case "attempt-judged":
      return judgedLine(event.attempt, event.verdict, state);
    case "framework-accepted": {
      const ratio = event.ratio === null ? "" : `, ${event.ratio.toFixed(2)}x the baseline`;
      return `accepted: attempt ${event.attempt}, ${event.outcome}${ratio}: ${escapeText(event.directory)}`;
    }
    case "run-finished":
      return `finished: ${event.end} after ${event.attempts} attempt(s), ${durationText(event.elapsedMs)}${event.message === "" ? "" : `: ${escapeText(event.message)}`}`;
  }
}

function trialLine(event: Extract<EventBody, { type: "trial-finished" }>, state: ProgressState): string {
  const count = state.tuning && state.tuning.planned > 0 ? `${state.tuning.finished}/${state.tuning.planned}` : "";
  const figure = event.seconds === null ? "rejected" : durationText(event.seconds * 1000);
  const detail = event.detail === "" ? "" : ` (${escapeText(event.detail)})`;
  return `  trial ${count} ${escapeText(event.label)}: ${figure}${event.best ? ", best so far" : ""}${detail}`;
}

function checkLine(result: CheckResult): string {
  const head = `${checkLabel(result.check)}: ${result.status} in ${durationText(result.durationMs)}`;
  switch (result.status) {
    case "passed":
      return `${head}; ${escapeText(result.summary)}`;
    case "failed":
      return `${head}; ${escapeText(result.summary)}${firstEvidence(result.evidence)}`;
    default:
      return `${head}; ${escapeText(result.reason)}`;
  }
}

function firstEvidence(evidence: Evidence[]): string {
  const [first, ...others] = evidence;
  if (!first) return "";
  return `: ${evidenceText(first)}${others.length > 0 ? ` (and ${others.length} more)` : ""}`;
}

function judgedLine(attempt: number, verdict: Verdict, state: ProgressState): string {
  const judged = state.attempts.find((known) => known.attempt === attempt);
  const ratio = judged && judged.state !== "judging" && judged.ratio ? `, ${ratioText(judged.ratio)} the baseline` : "";
  const best = state.best && state.best.attempt !== attempt ? `; best so far ${ratioText(state.best.ratio)}` : "";
  return `attempt ${attempt}: ${verdict.outcome}${verdict.quick ? " (quick: public cases, no speed)" : ""}${ratio}${best}`;
}
