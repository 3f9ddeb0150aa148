import type { AdapterOptions, Effort } from "./adapter-options.js";
import { anthropicModel } from "./anthropic.js";
import { type Model, ModelError } from "./model.js";
import { openAiChatModel } from "./openai-chat.js";
import { openAiResponsesModel } from "./openai-responses.js";
import { loadPrices, priceOf } from "./prices.js";

export interface ModelChoice {
  provider: Model["provider"];
  model: string;
  /** The provider's own where undefined. A server of OpenAI's protocol is given with its path, as http://localhost:8000/v1. */
  baseUrl?: string | undefined;
  /** From the environment; this module does not read it. */
  apiKey?: string | undefined;
  effort?: Effort | undefined;
  /** Anthropic only: a fixed budget for thinking, for models that do not take `effort`. */
  thinkingTokens?: number | undefined;
  /** From the price table where undefined, else 128,000. */
  contextTokens?: number | undefined;
  responseTimeoutMs?: number | undefined;
  idleTimeoutMs?: number | undefined;
}

const unknownContextTokens = 128_000;
const leastThinkingTokens = 1024;

export const keyVariables = {
  anthropic: "ANTHROPIC_API_KEY",
  "openai-chat": "OPENAI_API_KEY",
  "openai-responses": "OPENAI_API_KEY",
} as const;

/** Makes the adapter for a choice; throws a ModelError that says what to set where the choice cannot work. */
export function createModel(choice: ModelChoice): Model {
  const { provider, model, thinkingTokens, effort } = choice;
  if (model.trim() === "") return refuse("no model was named: give the provider's own name of one");
  if (thinkingTokens !== undefined && provider !== "anthropic") return refuse("thinkingTokens is Anthropic's: use effort instead");
  if (thinkingTokens !== undefined && effort !== undefined) return refuse("give either effort or thinkingTokens, not both");
  if (thinkingTokens !== undefined && (!Number.isInteger(thinkingTokens) || thinkingTokens < leastThinkingTokens))
    return refuse(`thinkingTokens is ${thinkingTokens}: give a whole number of at least ${leastThinkingTokens}`);
  const options: AdapterOptions = {
    model,
    apiKey: keyOf(choice),
    baseUrl: baseUrlOf(choice),
    contextTokens: choice.contextTokens ?? priceOf(model, loadPrices())?.context_tokens ?? unknownContextTokens,
    effort,
    responseTimeoutMs: choice.responseTimeoutMs ?? 290_000,
    idleTimeoutMs: choice.idleTimeoutMs ?? 120_000,
  };
  if (provider === "anthropic") return anthropicModel({ ...options, thinkingTokens });
  return provider === "openai-chat" ? openAiChatModel(options) : openAiResponsesModel(options);
}

function keyOf({ provider, apiKey, baseUrl }: ModelChoice): string | null {
  const key = apiKey?.trim() ?? "";
  if (key !== "") return key;
  if (provider !== "anthropic" && baseUrl !== undefined && !/(^|\.)openai\.com$/.test(parseUrl(baseUrl).hostname)) return null;
  const elsewhere = provider === "anthropic" ? "" : ", or give the base URL of a server that needs none";
  return refuse(`${keyVariables[provider]} is not set: set it to your key${elsewhere}`);
}

/** With the path that the SDK expects: it adds /v1 for Anthropic, and does not for OpenAI. */
function baseUrlOf({ provider, baseUrl }: ModelChoice): string {
  if (baseUrl === undefined) return provider === "anthropic" ? "https://api.anthropic.com" : "https://api.openai.com/v1";
  const url = parseUrl(baseUrl);
  const path = url.pathname.replace(/\/+$/, "");
  if (provider === "anthropic") return `${url.origin}${path.replace(/\/v1$/, "")}`;
  return `${url.origin}${path === "" ? "/v1" : path}`;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    return refuse("the base URL is not an http or https URL, as http://localhost:8000/v1");
  // It is shown in messages and logs.
  if (url.username !== "" || url.password !== "") return refuse("the base URL holds a password: give the key by its environment variable");
  return url;
}

function refuse(message: string): never {
  throw new ModelError({ kind: "refused-request", status: null }, message);
}
