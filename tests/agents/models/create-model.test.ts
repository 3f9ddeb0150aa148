import { describe, expect, test } from "vitest";
import { createModel, type ModelChoice } from "../../../agents/models/create-model.js";
import { goal, requestOf } from "./adapters.js";

function urlOf(choice: ModelChoice): string {
  return (createModel(choice).describeRequest(requestOf([goal])) as { url: string }).url;
}

test.each<[string, ModelChoice, RegExp]>([
  ["no key for Anthropic", { provider: "anthropic", model: "claude" }, /ANTHROPIC_API_KEY is not set/],
  ["a blank key", { provider: "anthropic", model: "claude", apiKey: " " }, /ANTHROPIC_API_KEY is not set/],
  [
    "no key for Anthropic's protocol elsewhere",
    { provider: "anthropic", model: "claude", baseUrl: "http://localhost:1" },
    /ANTHROPIC_API_KEY/,
  ],
  ["no key for OpenAI", { provider: "openai-chat", model: "gpt" }, /OPENAI_API_KEY is not set/],
  [
    "no key for OpenAI by its own URL",
    { provider: "openai-responses", model: "gpt", baseUrl: "https://api.openai.com/v1" },
    /OPENAI_API_KEY/,
  ],
  ["no model", { provider: "openai-chat", model: "", apiKey: "k" }, /no model was named/],
  ["no URL", { provider: "openai-chat", model: "gpt", baseUrl: "localhost" }, /not an http or https URL/],
  ["another protocol", { provider: "openai-chat", model: "gpt", baseUrl: "file:///etc/passwd" }, /not an http or https URL/],
  ["a password in the URL", { provider: "openai-chat", model: "gpt", baseUrl: "http://me:hunter2@host/v1" }, /holds a password/],
  ["a budget for OpenAI", { provider: "openai-chat", model: "gpt", apiKey: "k", thinkingTokens: 2048 }, /use effort/],
  ["too small a budget", { provider: "anthropic", model: "claude", apiKey: "k", thinkingTokens: 100 }, /at least 1024/],
  ["budget and effort", { provider: "anthropic", model: "claude", apiKey: "k", thinkingTokens: 2048, effort: "low" }, /not both/],
])("%s is refused with what to do", (_, choice, message) => {
  let thrown: unknown;
  try {
    createModel(choice);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    name: "ModelError",
    problem: { kind: "refused-request", status: null },
    message: expect.stringMatching(message),
  });
  expect(String(thrown)).not.toContain("hunter2");
});

describe("base URLs", () => {
  test.each<[ModelChoice["provider"], string | undefined, string]>([
    ["anthropic", undefined, "https://api.anthropic.com/v1/messages"],
    ["anthropic", "http://localhost:8000/", "http://localhost:8000/v1/messages"],
    ["anthropic", "http://localhost:8000/proxy/v1", "http://localhost:8000/proxy/v1/messages"],
    ["openai-chat", undefined, "https://api.openai.com/v1/chat/completions"],
    ["openai-chat", "http://localhost:8000", "http://localhost:8000/v1/chat/completions"],
    ["openai-chat", "http://localhost:8000/v1/", "http://localhost:8000/v1/chat/completions"],
    ["openai-responses", "http://localhost:8000/openai/v3", "http://localhost:8000/openai/v3/responses"],
  ])("%s at %s", (provider, baseUrl, url) => {
    expect(urlOf({ provider, model: "m", apiKey: "k", baseUrl })).toBe(url);
  });
});

test("how much fits is from the choice, else from the price table, else a cautious guess", () => {
  const tokens = (model: string, contextTokens?: number) =>
    createModel({ provider: "anthropic", model, apiKey: "k", contextTokens }).contextTokens;
  expect([tokens("claude-opus-5-5", 5000), tokens("claude-opus-5-5"), tokens("mystery")]).toEqual([5000, 1_000_000, 128_000]);
});
