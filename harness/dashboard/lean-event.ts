import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { CheckResult } from "../../specs/contracts/verdict.js";

/** Characters of one text that a page gets unasked. */
const shownCharacters = 6000;

/**
 * An event as a page gets it: file contents stay away (the page asks for changes), and long texts are cut and say by how much, so that
 * a run of thousands of turns opens at once. `GET …/events/<sequence>` has it whole.
 */
export function leanEvent(event: ForgeEvent): ForgeEvent {
  switch (event.type) {
    case "workspace-changed":
      return { ...event, changed: namesOnly(event.changed) };
    case "tool-called": {
      const { call, answer, changed } = event;
      return {
        ...event,
        call: { ...call, argumentsText: shortened(call.argumentsText) },
        answer: { ...answer, text: shortened(answer.text) },
        ...(changed ? { changed: namesOnly(changed) } : {}),
      };
    }
    case "agent-turned": {
      const { turn } = event;
      if (turn.role === "user") return { ...event, turn: { role: "user", text: shortened(turn.text) } };
      const calls = turn.calls.map((call) => ({ ...call, argumentsText: shortened(call.argumentsText) }));
      return { ...event, turn: { role: "assistant", text: shortened(turn.text), calls } };
    }
    case "conversation-compacted":
    case "notes-written":
    case "lane-opened":
    case "agent-noted":
      return { ...event, text: shortened(event.text) };
    case "attempt-submitted":
      return { ...event, summary: shortened(event.summary) };
    case "check-finished":
      return { ...event, result: leanCheck(event.result) };
    case "attempt-judged":
      return { ...event, verdict: { ...event.verdict, checks: event.verdict.checks.map(leanCheck) } };
    case "trial-finished":
      return { ...event, label: shortened(event.label), detail: shortened(event.detail) };
    default:
      return event;
  }
}

function leanCheck(result: CheckResult): CheckResult {
  const summary = shortened(result.summary);
  switch (result.status) {
    case "failed":
      return {
        ...result,
        summary,
        evidence: result.evidence.map((evidence) => {
          if (evidence.kind === "build") return { ...evidence, log: shortened(evidence.log) };
          return "detail" in evidence ? { ...evidence, detail: shortened(evidence.detail) } : evidence;
        }),
      };
    case "passed":
      return { ...result, summary, ...(result.warnings ? { warnings: result.warnings.map(shortened) } : {}) };
    default:
      return { ...result, summary, reason: shortened(result.reason) };
  }
}

/** Which files changed and which went, without what is in them. */
function namesOnly(changed: Record<string, string | null>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(changed).map(([name, text]) => [name, text === null ? null : ""]));
}

function shortened(text: string): string {
  return text.length <= shownCharacters
    ? text
    : `${text.slice(0, shownCharacters)}\n… ${(text.length - shownCharacters).toLocaleString("en-US")} more characters`;
}
