import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { ConversationEntry } from "../../agents/models/scripted-server/script.js";
import { mainPath } from "../../harness/cli/run-forge.js";
import type { MindSources } from "./mind-sources.js";
import { minutes, specPath } from "./model-goal.js";
import { nextStep } from "./scripted-mind.js";

/** The official client against `forge mcp <spec>`, driven by the scripted mind; returns what Forge told on stderr. */
export async function forgeOverMcp(folder: string, sources: MindSources): Promise<string> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [mainPath, "mcp", specPath(sources), "--threads", "1", "--no-playbook"],
    cwd: folder,
    env: { ...(process.env as Record<string, string>), NO_COLOR: "1" },
    stderr: "pipe",
  });
  let told = "";
  transport.stderr!.on("data", (chunk) => (told += String(chunk)));
  const ended = new Promise<void>((resolve) => transport.stderr!.once("end", () => resolve()));
  const client = new Client({ name: "scripted-mind", version: "1" });
  await client.connect(transport);
  const conversation: ConversationEntry[] = [{ role: "user", text: client.getInstructions() ?? "" }];
  try {
    for (let id = 0; ; ) {
      const { text = "", calls = [] } = nextStep(conversation, sources);
      if (calls.length === 0) break;
      const named = calls.map((call) => ({ id: `${++id}`, name: call.name, arguments: call.arguments }));
      conversation.push({ role: "assistant", text, calls: named });
      const answers = [];
      for (const call of named) {
        const answer = await client.callTool({ name: call.name, arguments: call.arguments as Record<string, unknown> }, undefined, {
          timeout: 5 * minutes,
        });
        const [content] = answer.content as { type: string; text: string }[];
        answers.push({ id: call.id, text: content!.text, isError: answer.isError === true });
      }
      conversation.push({ role: "tools", answers });
    }
  } finally {
    // It closes the server's stdin, and sends SIGTERM two seconds later to one that is still there: by then all must be accepted.
    await client.close();
    await ended;
  }
  return told;
}
