/**
 * A coding CLI of the simplest kind, for `--agent command`: goes by the scripted mind, writes files with its own hands and calls the
 * folder's `.forge/forge check` and `submit`. Its one argument is the spec's name.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { ConversationEntry, ScriptedCall } from "../../agents/models/scripted-server/script.js";
import { linearSources, rmsnormSources } from "./mind-sources.js";
import { nextStep } from "./scripted-mind.js";

const sources = process.argv[2] === "linear" ? linearSources : rmsnormSources;
const conversation: ConversationEntry[] = [{ role: "user", text: "AGENTS.md" }];

function forge(...words: string[]): string {
  const ended = spawnSync(".forge/forge", words, { encoding: "utf8" });
  return ended.stdout === "" ? ended.stderr : ended.stdout;
}

function carryOut({ name, arguments: given }: ScriptedCall): string {
  const words = given as Record<string, string>;
  if (name === "write") {
    writeFileSync(words.name!, words.text!);
    return "written";
  }
  if (name === "check") return forge("check");
  return name === "submit" ? forge("submit", words.summary!) : "noted";
}

for (let id = 0; ; ) {
  const { text = "", calls = [] } = nextStep(conversation, sources);
  process.stdout.write(`${text}\n`);
  if (calls.length === 0) break;
  const named = calls.map((call) => ({ id: `${++id}`, name: call.name, arguments: call.arguments }));
  conversation.push({ role: "assistant", text, calls: named });
  const answers = named.map((call) => ({ id: call.id, text: carryOut(call).trimEnd(), isError: false }));
  conversation.push({ role: "tools", answers });
}
