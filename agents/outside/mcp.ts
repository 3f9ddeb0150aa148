import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, AgentStopped } from "../../specs/contracts/agent.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { Undelivered } from "../desk/undelivered.js";
import { serveTools } from "../mcp/serve-tools.js";
import { goalPrompt, systemPrompt } from "../prompts/goal-prompt.js";
import { callTool, describeTools } from "../tools/tool-set.js";

const lookEveryMs = 250;

/** Whoever speaks the Model Context Protocol: the tools are served on stdin and stdout until the client goes. */
export const mcp: Agent = {
  name: "mcp",
  async work(tools) {
    let calls = tools.conversation().length;
    let gone = false;
    const undelivered = new Undelivered(tools);
    const serving = await serveTools(
      {
        instructions: `${systemPrompt()}\n${goalPrompt(tools.briefing)}`,
        tools: describeTools(),
        async call(name, argumentsText, cancelled) {
          const waiting = undelivered.collect(name, argumentsText);
          if (waiting !== null) return waiting;
          const answer = await callTool(tools, { id: `call-${++calls}`, name, argumentsText });
          if (cancelled.aborted) undelivered.keep(name, argumentsText, answer);
          return answer;
        },
      },
      process.stdin,
      process.stdout,
    );
    void serving.closed.then(() => {
      gone = true;
    });
    // With the budget spent the tools still answer, and say so; the client ends the goal by going.
    while (!gone && !tools.signal.aborted) await sleep(lookEveryMs);
    await serving.close();
    const passed = tools.history().some(isAccepted);
    if (!passed && tools.budgetLeft()) throw new AgentStopped("the client went before any attempt had passed");
  },
};
