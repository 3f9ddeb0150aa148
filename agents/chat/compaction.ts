import type { AgentTools, JudgedAttempt } from "../../specs/contracts/agent.js";
import { figuresOf } from "../../specs/verdict-speed.js";
import { goalPrompt } from "../prompts/goal-prompt.js";
import { verdictFeedback } from "../prompts/verdict-feedback.js";

/** Of the model's context this much may be filled before the conversation is summed up. */
export const fullShare = 0.8;
const mostAttempts = 40;

/**
 * What takes the place of a conversation that grew too long: the goal in full, every attempt with its verdict in a line, the newest
 * verdict in full, the agent's own notes, and what lies in the workspace. Made from the run itself, so that nothing is misremembered.
 */
export function compactedText(tools: AgentTools): string {
  const history = tools.history();
  const own = history.filter(({ lane }) => lane === tools.lane).at(-1);
  const files = tools.workspace.list().map(({ name, bytes }) => `- ${name}, ${bytes} bytes`);
  return [
    goalPrompt(tools.briefing),
    ...(tools.opening === "" ? [] : [tools.opening]),
    "# So far",
    "The conversation had grown too long and was cut here. The workspace is as you left it.",
    `## Attempts\n\n${history.length === 0 ? "None yet." : history.slice(-mostAttempts).map(attemptLine).join("\n")}`,
    ...(own ? [`## Your latest verdict\n\n${verdictFeedback(own.verdict, tools.briefing)}`] : []),
    `## Your notes\n\n${tools.readNotes() || "None."}`,
    `## Workspace\n\n${files.length === 0 ? "Empty." : files.join("\n")}`,
    "Go on from here.",
  ].join("\n\n");
}

function attemptLine({ attempt, lane, summary, verdict }: JudgedAttempt): string {
  const stopped = verdict.checks.find((check) => check.status === "failed" || check.status === "errored");
  const ratios = figuresOf(verdict).map((figure) => `${figure.entry} ${figure.ratio.toFixed(2)}x`);
  const how = stopped ? `${verdict.outcome} in ${stopped.check}: ${stopped.summary}` : `${verdict.outcome}, ${ratios.join(", ")}`;
  return `- ${attempt}${lane === 0 ? "" : ` (lane ${lane})`}: ${summary}: ${how}`;
}
