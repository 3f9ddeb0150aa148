import type { ConversationEntry, Script, ScriptedCall, ScriptedReply } from "../../agents/models/scripted-server/script.js";
import type { MindSources } from "../agents/mind-sources.js";
import { nextStep } from "../agents/scripted-mind.js";

/** The scripted mind behind a coding CLI: what it wants is said in the CLI's own tools, and what those answer is read back. */

const submitTimeoutMs = 600_000;
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

type ToolAnswers = Extract<ConversationEntry, { role: "tools" }>["answers"];
const answersIn = (conversation: readonly ConversationEntry[]): ToolAnswers[] =>
  conversation.flatMap((entry) => (entry.role === "tools" ? [entry.answers] : []));

/** What the mind says next, had it been asked directly: its own words follow from what it was told each time. */
function nextAfter(texts: string[], sources: MindSources): ScriptedReply {
  const conversation: ConversationEntry[] = [];
  for (const text of texts) {
    const calls = nextStep(conversation, sources).calls ?? [];
    const told = calls.map((call, index) => ({ id: `call-${index}`, name: call.name, arguments: call.arguments }));
    conversation.push({ role: "assistant", text: "", calls: told }, { role: "tools", answers: [{ id: "told", text, isError: false }] });
  }
  return nextStep(conversation, sources);
}

/** `check` and `submit` as command lines; null for what is no command. */
function commandOf({ name, arguments: given }: ScriptedCall): string | null {
  if (name === "check") return ".forge/forge check";
  if (name === "submit") return `.forge/forge submit ${quoted((given as { summary: string }).summary)}`;
  return null;
}

/** Claude Code: its own Write and Bash. */
export const claudeMind =
  (sources: MindSources): Script =>
  (conversation, { toolNames }) => {
    if (!toolNames.includes("Bash")) return { text: "A kernel" };
    const [where, ...turns] = answersIn(conversation);
    if (where === undefined) return { text: "Where am I?", calls: [bash("pwd")] };
    const folder = where[0]!.text.trim();
    const texts = turns.map((answers) =>
      answers
        .at(-1)!
        .text.replace(/^Exit code \d+\n/, "")
        .trim(),
    );
    const step = nextAfter(texts, sources);
    return { ...step, ...(step.calls && { calls: step.calls.flatMap((call) => claudeCall(call, folder)) }) };
  };

const bash = (command: string): ScriptedCall => ({ name: "Bash", arguments: { command, description: "work", timeout: submitTimeoutMs } });

function claudeCall(call: ScriptedCall, folder: string): ScriptedCall[] {
  if (call.name === "write") {
    const { name, text } = call.arguments as { name: string; text: string };
    return [{ name: "Write", arguments: { file_path: `${folder}/${name}`, content: text } }];
  }
  const command = commandOf(call);
  return command === null ? [] : [bash(command)];
}

/** Claude Code with Forge as its MCP server: the mind's own tools, under another name. */
export const claudeMcpMind =
  (sources: MindSources): Script =>
  (conversation, { toolNames }) => {
    if (!toolNames.includes("mcp__forge__submit")) return { text: "A kernel" };
    const texts = answersIn(conversation).map((answers) => answers.at(-1)!.text);
    const step = nextAfter(texts, sources);
    return { ...step, ...(step.calls && { calls: step.calls.map((call) => ({ ...call, name: `mcp__forge__${call.name}` })) }) };
  };

/** Codex: one command line a turn, and a look at what still runs, for it hands back control after half a minute at most. */
export const codexMind =
  (sources: MindSources): Script =>
  (conversation, { toolNames }) => {
    if (!toolNames.includes("exec_command")) return { text: "A kernel" };
    const texts: string[] = [];
    let unfinished = "";
    let session: string | undefined;
    for (const [answer] of answersIn(conversation)) {
      const [head = "", output = ""] = answer!.text.split("\nOutput:\n");
      session = /running with session ID (\d+)/.exec(head)?.[1];
      unfinished += output;
      if (session !== undefined) continue;
      texts.push(unfinished.trim());
      unfinished = "";
    }
    if (session !== undefined)
      return { calls: [{ name: "write_stdin", arguments: { session_id: Number(session), chars: "", yield_time_ms: 30_000 } }] };
    return codexStep(nextAfter(texts, sources));
  };

function codexStep(step: ScriptedReply): ScriptedReply {
  if (!step.calls) return step;
  const lines = step.calls.flatMap((call) => {
    if (call.name !== "write") return commandOf(call) ?? [];
    const { name, text } = call.arguments as { name: string; text: string };
    return [`cat > ${quoted(name)} <<'END_OF_FILE'\n${text}END_OF_FILE`];
  });
  return { ...step, calls: [{ name: "exec_command", arguments: { cmd: lines.join("\n"), yield_time_ms: 30_000 } }] };
}
