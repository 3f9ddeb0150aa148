import { autotune } from "../agents/autotune/autotune.js";
import { createResubmit } from "../agents/resubmit/resubmit.js";
import type { Agent } from "../specs/contracts/agent.js";
import { readCandidateFolder } from "./candidate-folder.js";
import { UsageError } from "./cli/usage-error.js";

const agents: Record<string, Agent> = { autotune };

const agentNames: string[] = Object.keys(agents);

/** The agent of a goal: the one named, or `resubmit` where the goal starts from code that stands in a folder. */
export function chooseAgent(name: string, from: string | undefined): Agent {
  return from === undefined ? findAgent(name) : createResubmit(readCandidateFolder(from), from);
}

function findAgent(name: string): Agent {
  const agent = agents[name];
  if (!agent) throw new UsageError(`there is no agent ${name}; there are: ${agentNames.join(", ")}`);
  return agent;
}
