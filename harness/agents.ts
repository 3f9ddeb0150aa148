import type { Effort } from "../agents/models/adapter-options.js";
import type { Agent } from "../specs/contracts/agent.js";
import type { BudgetLimits } from "../specs/contracts/event.js";
import { readCandidateFolder } from "./candidate-folder.js";
import { UsageError } from "./cli/usage-error.js";
import { openRunStore } from "./store/run-store.js";

/** Everything that says who writes the code. */
export interface AgentChoice {
  agent: string;
  /** Judge what stands in this folder instead of having an agent write. */
  from?: string | undefined;
  model?: string | undefined;
  baseUrl?: string | undefined;
  effort?: Effort | undefined;
  thinkingTokens?: number | undefined;
  contextTokens?: number | undefined;
  outputTokens?: number | undefined;
  /** A price table whose rows go before Forge's own. */
  prices?: string | undefined;
  command?: string | undefined;
  /** Id of the run to do again. */
  replay?: string | undefined;
  /** Nothing will be sent: no key is needed. */
  previewOnly?: boolean | undefined;
}

const providers = { anthropic: "anthropic", openai: "openai-chat", "openai-responses": "openai-responses" } as const;

/** What `--agent` takes; an MCP client begins its goal by `forge mcp`. */
export const agentNames: string[] = ["autotune", ...Object.keys(providers), "command", "manual", "replay"];

const defaultOutputTokens = 32_000;

/** The agent of a goal. SDKs are loaded only where they are needed. Throws UsageError where the choice lacks something. */
export async function chooseAgent(choice: AgentChoice, budget: Partial<BudgetLimits>, runsDirectory: string): Promise<Agent> {
  if (choice.from !== undefined) {
    const { createResubmit } = await import("../agents/resubmit/resubmit.js");
    return createResubmit(readCandidateFolder(choice.from), choice.from);
  }
  switch (choice.agent) {
    case "autotune":
      return (await import("../agents/autotune/autotune.js")).autotune;
    case "manual":
      return (await import("../agents/outside/manual.js")).manual;
    case "mcp":
      return (await import("../agents/outside/mcp.js")).mcp;
    case "command":
      if (choice.command === undefined) throw new UsageError("--agent command needs --command '…': what to run in the workspace");
      return (await import("../agents/outside/command.js")).createCommandAgent(choice.command);
    case "replay":
      if (choice.replay === undefined) throw new UsageError("--agent replay needs --replay RUN; `forge runs` lists them");
      return (await import("../agents/replay/replay.js")).createReplay(openRunStore(runsDirectory).eventsOf(choice.replay));
    case "anthropic":
    case "openai":
    case "openai-responses":
      return modelAgent(choice, providers[choice.agent], budget);
    default:
      throw new UsageError(`there is no agent ${choice.agent}; there are: ${agentNames.join(", ")}`);
  }
}

async function modelAgent(
  choice: AgentChoice,
  provider: (typeof providers)[keyof typeof providers],
  budget: Partial<BudgetLimits>,
): Promise<Agent> {
  if (choice.model === undefined) throw new UsageError(`--agent ${choice.agent} needs --model NAME: the provider's own name of one`);
  const [{ createModel, keyVariables }, { loadPrices, priceOf }, { createChatAgent }, { ModelError }] = await Promise.all([
    import("../agents/models/create-model.js"),
    import("../agents/models/prices.js"),
    import("../agents/chat/chat-agent.js"),
    import("../agents/models/model.js"),
  ]);
  const prices = loadPrices(choice.prices);
  if (budget.dollars !== undefined && priceOf(choice.model, prices) === null)
    throw new UsageError(
      `the price of ${choice.model} is not known, so --dollars cannot be kept: give a table with --prices (see agents/models/prices.yaml), or use --tokens`,
    );
  try {
    const model = createModel({
      provider,
      model: choice.model,
      baseUrl: choice.baseUrl,
      apiKey: process.env[keyVariables[provider]] ?? (choice.previewOnly ? "no key: nothing is sent" : undefined),
      effort: choice.effort,
      thinkingTokens: choice.thinkingTokens,
      contextTokens: choice.contextTokens ?? priceOf(choice.model, prices)?.context_tokens,
    });
    return createChatAgent(model, { prices, maximumOutputTokens: choice.outputTokens ?? defaultOutputTokens });
  } catch (error) {
    if (error instanceof ModelError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
