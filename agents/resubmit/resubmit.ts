import type { Agent, AgentTools } from "../../specs/contracts/agent.js";
import type { Candidate } from "../../specs/contracts/target.js";

export const resubmitName = "resubmit";

/** Submits what stands in a folder, once: for code that a person wrote, and for accepted code whose certificate has gone stale. */
export function createResubmit(candidate: Candidate, folder: string): Agent {
  return {
    name: resubmitName,
    async work(tools: AgentTools): Promise<void> {
      const latest = tools.history().at(-1);
      if (latest && latest.verdict.outcome !== "errored") return tools.note("this run has judged the folder already");
      tools.workspace.replace(candidate);
      await tools.submit(`as it stands in ${folder}`);
    },
  };
}
