import { expect, test } from "vitest";
import { redactSecrets } from "../../../agents/models/redact.js";

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";

test.each([
  ["Anthropic", `sk-ant-api03-${letters}_-AA`],
  ["OpenAI", `sk-proj-${letters}`],
  ["OpenAI, old", `sk-${letters}`],
  ["GitHub", `ghp_${letters}`],
  ["GitHub, fine-grained", `github_pat_11AAAA_${letters}`],
  ["Hugging Face", `hf_${letters}`],
  ["AWS", "AKIAIOSFODNN7EXAMPLE"],
])("a key of %s is found by its shape", (_, key) => {
  expect(redactSecrets(`before ${key} after, and "${key}".`, [])).toBe('before [redacted] after, and "[redacted]".');
});

test("bearer tokens lose the token", () => {
  expect(redactSecrets("Authorization: Bearer abc.DEF-123_456~7==\nnext", [])).toBe("Authorization: Bearer [redacted]\nnext");
});

test("private keys go as a whole, also one that was cut off", () => {
  const key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----";
  expect(redactSecrets(`a\n${key}\nb\n${key}`, [])).toBe("a\n[redacted]\nb\n[redacted]");
  expect(redactSecrets(`a\n${key.slice(0, 45)}`, [])).toBe("a\n[redacted]");
});

test("given secrets are found whatever their shape, in JSON too, and the longer of two first", () => {
  expect(redactSecrets("pass-word and pass-word-2", ["pass-word", "pass-word-2"])).toBe("[redacted] and [redacted]");
  expect(redactSecrets(JSON.stringify({ key: 'quo"te\nd' }), ['quo"te\nd'])).toBe('{"key":"[redacted]"}');
});

test("ordinary text stays: short secrets, words with sk-, encrypted reasoning", () => {
  const text = `task-force-of-ordinary-people, risk-abcdefghijklmnopqrstuvwxyz, gAAAAA-sk-${letters}, a bearer of news, AKIA`;
  expect(redactSecrets(text, ["", "a", "of"])).toBe(text);
});
