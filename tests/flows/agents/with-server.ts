import type { Script, ScriptedStep } from "../../agents/models/scripted-server/script.js";
import { type ScriptedServer, startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { rmsnormSources } from "./mind-sources.js";
import { type GoalRun, type ModelAgent, modelWords, runGoalProcess } from "./model-goal.js";

/** One `forge goal` with a model that says what the script says; the server is closed before it returns. */
export async function forgeWith(
  folder: string,
  script: Script,
  {
    agent = "anthropic",
    words = [],
    environment = {},
  }: { agent?: ModelAgent; words?: string[]; environment?: Record<string, string> } = {},
): Promise<GoalRun & { requests: ScriptedServer["requests"] }> {
  const server = await startScriptedServer(script);
  try {
    const commandLine = [...modelWords(agent, server), ...words];
    const ended = await runGoalProcess({ folder, sources: rmsnormSources, commandLine, environment });
    return { ...ended, requests: server.requests };
  } finally {
    await server.close();
  }
}

/** The given steps, a request each, and then nothing more to say. */
export const steps =
  (...given: ScriptedStep[]): Script =>
  (_, { number }) =>
    given[number - 1] ?? { text: "That is all." };

export const call = (name: string, given: unknown = {}) => ({ name, arguments: given });
