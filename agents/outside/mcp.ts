import { setTimeout as sleep } from "node:timers/promises";
import type { Agent } from "../../specs/contracts/agent.js";
import { serveTools } from "../mcp/serve-tools.js";
import { goalPrompt, systemPrompt } from "../prompts/goal-prompt.js";
import { callTool, describeTools } from "../tools/tool-set.js";

const lookEveryMs = 250;

/** Whoever speaks the Model Context Protocol: the tools are served on stdin and stdout until the client goes. */
export const mcp: Agent = {
  name: "mcp",
  async work(tools) {
    let calls = tools.conversation().length;
    const serving = await serveTools(
      {
        instructions: `${systemPrompt()}\n${goalPrompt(tools.briefing)}`,
        tools: describeTools(),
        call: (name, argumentsText) => callTool(tools, { id: `call-${++calls}`, name, argumentsText }),
      },
      process.stdin,
      process.stdout,
    );
    let gone = false;
    void serving.closed.then(() => {
      gone = true;
    });
    // With the budget spent the tools still answer, and say so; the client ends the goal by going.
    while (!gone && !tools.signal.aborted) await sleep(lookEveryMs);
    await serving.close();
  },
};
