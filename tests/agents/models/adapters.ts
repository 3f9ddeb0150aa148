import { afterEach, expect } from "vitest";
import { createModel, type ModelChoice } from "../../../agents/models/create-model.js";
import { type Model, ModelError, type ModelRequest, type Turn } from "../../../agents/models/model.js";
import type { Script } from "./scripted-server/script.js";
import {
  type ScriptedServer,
  type ScriptedServerOptions,
  scriptedKey,
  startScriptedServer,
} from "./scripted-server/start-scripted-server.js";

/** Every adapter, for suites that run over all of them; `tooLong` is how each provider says that a conversation is too long. */
export const adapters = [
  {
    provider: "anthropic" as const,
    keyVariable: "ANTHROPIC_API_KEY",
    tooLong: { status: 400, message: "prompt is too long: 210000 tokens > 200000 maximum" },
    accountLimits: [
      { status: 429, code: "enforced_spend_limit_reached", headers: { "retry-after": "5" }, message: "no more" },
      { status: 400, message: "You have reached your specified API usage limits. You will regain access on 2026-12-01." },
      { status: 400, message: "Your credit balance is too low to access the Anthropic API." },
      { status: 402, message: "There is an issue with your billing." },
    ],
    streamBusy: "overloaded_error",
    streamBroken: "api_error",
  },
  ...(["openai-chat", "openai-responses"] as const).map((provider) => ({
    provider,
    keyVariable: "OPENAI_API_KEY",
    tooLong: { status: 400, code: "context_length_exceeded", message: "Your input is too much." },
    accountLimits: [
      { status: 429, code: "insufficient_quota", headers: { "retry-after": "5" }, message: "no more" },
      { status: 429, message: "You exceeded your current quota, please check your plan and billing details." },
      { status: 402, message: "Insufficient balance" },
    ],
    streamBusy: "rate_limit_exceeded",
    streamBroken: "server_error",
  })),
];

const running: { server: ScriptedServer; refusesNothing: boolean }[] = [];

afterEach(async () => {
  for (const { server, refusesNothing } of running.splice(0)) {
    await server.close();
    // Whatever a test is about, an adapter's requests are as the provider's API wants them.
    if (refusesNothing) expect(server.requests.map(({ problem }) => problem).filter((problem) => problem !== null)).toEqual([]);
  }
});

/** A scripted server for one test, closed after it; the test fails if it gets a request that the provider would refuse. */
export async function serve(script: Script, options: ScriptedServerOptions = {}, refusesNothing = true): Promise<ScriptedServer> {
  const server = await startScriptedServer(script, { preservedThinking: true, ...options });
  running.push({ server, refusesNothing });
  return server;
}

export function connect(provider: Model["provider"], server: { url: string }, choice: Partial<ModelChoice> = {}): Model {
  return createModel({ provider, model: "scripted-model", baseUrl: server.url, apiKey: scriptedKey, ...choice });
}

export function requestOf(turns: Turn[], request: Partial<ModelRequest> = {}): ModelRequest {
  return {
    system: "You write kernels.",
    tools: [
      {
        name: "run_command",
        description: "Runs a command.",
        parameters: { type: "object", properties: { command: { type: "string" } }, required: ["command"] },
      },
      { name: "read_file", description: "Reads a file.", parameters: { type: "object", properties: {} } },
    ],
    turns,
    maximumOutputTokens: 4096,
    signal: new AbortController().signal,
    ...request,
  };
}

export const goal: Turn = { role: "user", text: "Make it fast." };

/** The ModelError that a promise ends in; anything else fails the test. */
export async function problemOf(promise: Promise<unknown>): Promise<ModelError> {
  const error: unknown = await promise.then(
    (value) => new Error(`it ended well: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ModelError)) throw error;
  return error;
}
