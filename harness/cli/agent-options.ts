import { type Command, Option } from "commander";
import type { BudgetLimits } from "../../specs/contracts/event.js";
import type { AgentChoice } from "../agents.js";
import { positiveInteger, positiveNumber, tokenCount } from "./option-values.js";

/** Options that say who writes the code, how it goes on, and what it may spend. */
export interface AgentCommandOptions {
  agent: string;
  from?: string;
  model?: string;
  baseUrl?: string;
  effort?: NonNullable<AgentChoice["effort"]>;
  thinkingTokens?: number;
  contextTokens?: number;
  outputTokens?: number;
  prices?: string;
  command?: string;
  replay?: string;
  byOperation?: boolean;
  /** The opposite; absent where neither was given. */
  whole?: boolean;
  operations?: string[];
  reforge?: boolean;
  strategy: string;
  playbook: boolean;
  attempts?: number;
  minutes?: number;
  tokens?: number;
  dollars?: number;
}

/** Who writes: declared for `goal`. */
export function addAgentOptions(command: Command): Command {
  return command
    .option(
      "--agent <name>",
      "who writes the code: `autotune` (compilers, flags and pragmas; no key), `anthropic`, `openai`, `openai-responses` (a model, " +
        "with --model), `command` (any coding CLI, with --command), `manual` (you, with `forge submit`), `replay` (a recorded run)",
      "autotune",
    )
    .option("--from <folder>", "judge and accept the code in this folder instead of having an agent write it")
    .option("--model <name>", "the provider's own name of the model")
    .option("--base-url <url>", "a server of the same protocol: vLLM, SGLang, llama.cpp, Ollama, LM Studio, e.g. http://localhost:8000/v1")
    .addOption(new Option("--effort <level>", "how hard the model thinks").choices(["low", "medium", "high", "xhigh", "max"]))
    .option("--thinking-tokens <count>", "anthropic: a fixed budget for thinking, for models that do not take --effort", tokenCount)
    .option("--context-tokens <count>", "what fits into the model's context (default: from the price table, else 128000)", tokenCount)
    .option("--output-tokens <count>", "longest answer of the model (default: 32000)", tokenCount)
    .option("--prices <file>", "a price table whose rows go before Forge's own; see agents/models/prices.yaml")
    .option("--command <line>", "command: what to run in the workspace, e.g. 'claude -p \"$(cat AGENTS.md)\"'")
    .option("--replay <run>", "replay: the run to do again");
}

/** How it goes on and what it may spend: declared for `goal` and `mcp`. */
export function addBudgetOptions(command: Command): Command {
  return command
    .option("--strategy <name>", "how it goes on once something passed: `linear`, `best-of-N` (rounds side by side), `islands-N`", "linear")
    .option("--no-playbook", "do not tell the agent what earlier goals of this operation on this chip taught")
    .option("--attempts <count>", "budget: attempts to be judged (default: the spec's)", positiveInteger)
    .option(
      "--minutes <count>",
      "budget: no trial or attempt begins after this; one that has begun is finished (default: the spec's)",
      positiveNumber,
    )
    .option("--tokens <count>", "budget: tokens of the model, read and written (default: no limit)", tokenCount)
    .option("--dollars <amount>", "budget: US dollars at the price table's rates (default: no limit)", positiveNumber);
}

export function agentChoiceOf(options: AgentCommandOptions): AgentChoice {
  const { agent, from, model, baseUrl, effort, thinkingTokens, contextTokens, outputTokens, prices, command, replay } = options;
  return { agent, from, model, baseUrl, effort, thinkingTokens, contextTokens, outputTokens, prices, command, replay };
}

export function budgetOf({ attempts, minutes, tokens, dollars }: AgentCommandOptions): Partial<BudgetLimits> {
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(dollars === undefined ? {} : { dollars }),
  };
}

/** The options as they would be typed again, for a command that goes on with the same goal; empty where all are defaults. */
export function agentFlags(options: AgentCommandOptions): string {
  const {
    agent,
    model,
    baseUrl,
    effort,
    thinkingTokens,
    contextTokens,
    outputTokens,
    prices,
    command,
    replay,
    from,
    strategy,
    byOperation,
    whole,
    operations,
    reforge,
  } = options;
  const flags: [string, string | number | undefined][] = [
    ["--agent", agent === "autotune" || agent === "mcp" || from !== undefined ? undefined : agent],
    ["--from", from],
    ["--model", model],
    ["--base-url", baseUrl],
    ["--effort", effort],
    ["--thinking-tokens", thinkingTokens],
    ["--context-tokens", contextTokens],
    ["--output-tokens", outputTokens],
    ["--prices", prices],
    ["--command", command],
    ["--replay", replay],
    ["--strategy", strategy === "linear" ? undefined : strategy],
    ["--operations", operations?.join(",")],
  ];
  const way = [byOperation ? " --by-operation" : "", whole ? " --whole" : "", reforge ? " --reforge" : ""].join("");
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [` ${flag} ${quoted(String(value))}`])).join("") + way;
}

const quoted = (word: string): string => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
