import { autotune } from "../agents/autotune/autotune.js";
import type { Agent } from "../specs/contracts/agent.js";

const agents: Record<string, Agent> = { autotune };

export const agentNames: string[] = Object.keys(agents);

export function findAgent(name: string): Agent {
  const agent = agents[name];
  if (!agent) throw new Error(`there is no agent ${name}; there are: ${agentNames.join(", ")}`);
  return agent;
}
