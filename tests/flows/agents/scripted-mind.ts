import type { ConversationEntry, Script, ScriptedCall, ScriptedReply } from "../../agents/models/scripted-server/script.js";
import type { MindSources } from "./mind-sources.js";

const write = (name: string, text: string): ScriptedCall => ({ name: "write", arguments: { name, text } });
const check: ScriptedCall = { name: "check", arguments: {} };
const submit = (summary: string): ScriptedCall => ({ name: "submit", arguments: { summary } });
const notes = (text: string): ScriptedCall => ({ name: "notes", arguments: { text } });

export const farewell = "There is nothing more to be won here.";
const passedAttempt = /^Attempt \d+: (?:PASSED|SURPASSED)\b[\s\S]*?\dx the baseline/;

/** What somebody says and does next who knows nothing but what the tools answered: a function of the conversation, for any protocol. */
export function nextStep(conversation: readonly ConversationEntry[], sources: MindSources): ScriptedReply {
  const answers = conversation.flatMap((entry) => (entry.role === "tools" ? entry.answers.map(({ text }) => text) : []));
  const latest = answers.at(-1);
  if (latest === undefined)
    return {
      text: "An empty workspace: the plainest version first.",
      calls: [write("kernel.c", sources.broken), write("forge.json", sources.manifest), check],
    };
  if (latest.includes("budget of")) return { text: farewell };
  if (/The build check failed/.test(latest) && /error: expected/.test(latest))
    return { text: "A syntax error.", calls: [write("kernel.c", sources.wrong), submit("the plainest version")] };
  if (/The align check failed/.test(latest) && /public case .*\n {4}\w+\[/.test(latest))
    return { text: "A value is wrong on a public case.", calls: [write("kernel.c", sources.right), check] };
  if (/^PASSED \(public cases only\)/.test(latest))
    return { calls: [notes("The public cases pass."), submit("right on the public cases")] };
  // Somebody else's minute of work says nothing of the code.
  const busy = /^Attempt \d+: ERRORED\n.*: machine busy/.test(latest);
  if (busy) return { text: "The machine was busy.", calls: [submit(`${latestSummary(conversation)}, again`)] };
  const passed = answers.filter((text) => passedAttempt.test(text)).length;
  if (!passedAttempt.test(latest)) throw new Error(`the mind does not know what to make of: ${latest}`);
  if (passed >= 2) return { text: farewell };
  return { text: "Right; now vectorised.", calls: [write("kernel.c", sources.faster), submit("sixteen partial sums, rows in parallel")] };
}

function latestSummary(conversation: readonly ConversationEntry[]): string {
  const calls = conversation.flatMap((entry) => (entry.role === "assistant" ? entry.calls : []));
  const given = calls.findLast(({ name }) => name === "submit")?.arguments as { summary: string };
  return given.summary.replaceAll(", again", "");
}

export const mindScript =
  (sources: MindSources): Script =>
  (conversation) =>
    nextStep(conversation, sources);
