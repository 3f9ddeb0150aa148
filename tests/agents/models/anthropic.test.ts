import { expect, test } from "vitest";
import type { ModelReply, Turn } from "../../../agents/models/model.js";
import { connect, goal, problemOf, requestOf, serve } from "./adapters.js";
import type { AnthropicBody } from "./scripted-server/anthropic-rules.js";
import { inTurn } from "./scripted-server/script.js";

const calls = [{ name: "read_file", arguments: {} }];

function continued({ text, calls, opaque }: ModelReply): Turn[] {
  const answers = calls.map(({ id }) => ({ id, text: "no such file", isError: true }));
  return [goal, { role: "assistant", text, calls, opaque }, { role: "tools", answers }];
}

test("a fixed budget of thinking comes on top of the answer", async () => {
  const server = await serve(inTurn({ thinking: "deep", text: "ok" }));
  await connect("anthropic", server, { thinkingTokens: 2048 }).respond(requestOf([goal], { maximumOutputTokens: 1000 }));
  expect(server.requests[0]!.body).toMatchObject({ max_tokens: 3048, thinking: { type: "enabled", budget_tokens: 2048 } });
});

test("with a fixed budget, thinking stays in a compacted conversation, which misses it", async () => {
  const server = await serve(inTurn({ thinking: "deep", calls }, { text: "ok" }), { preservedThinking: false });
  const model = connect("anthropic", server, { thinkingTokens: 2048 });
  const [, ...rest] = continued(await model.respond(requestOf([goal])));
  expect((await model.respond(requestOf([{ role: "user", text: "A summary." }, ...rest]))).text).toBe("ok");
  expect(JSON.stringify(server.requests[1]!.body)).toContain('"signature"');
});

test("a fixed budget pauses in a tool loop that another model began", async () => {
  const server = await serve(inTurn({ text: "ok" }));
  const turns = continued({ text: "", calls: [{ id: "call_1", name: "read_file", argumentsText: "" }], stop: "calls", usage: anyUsage });
  await connect("anthropic", server, { thinkingTokens: 2048 }).respond(requestOf(turns));
  expect(server.requests[0]!.body).not.toHaveProperty("thinking");
});

const anyUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

test("effort is adaptive thinking", async () => {
  const server = await serve(inTurn({ text: "ok" }));
  await connect("anthropic", server, { effort: "xhigh" }).respond(requestOf([goal]));
  expect(server.requests[0]!.body).toMatchObject({ thinking: { type: "adaptive" }, output_config: { effort: "xhigh" } });
});

test("thinking goes back word for word, redacted or not, before what it led to", async () => {
  const server = await serve(inTurn({ thinking: "deep", redactedThinking: "EncryptedByThem==", text: "so", calls }, { text: "ok" }));
  const model = connect("anthropic", server);
  const first = await model.respond(requestOf([goal]));
  await model.respond(requestOf(continued(first)));
  const content = (server.requests[1]!.body as AnthropicBody).messages[1]!.content;
  expect(content).toEqual([
    { type: "thinking", thinking: "deep", signature: expect.stringMatching(/^signature/) },
    { type: "redacted_thinking", data: "EncryptedByThem==" },
    { type: "text", text: "so" },
    { type: "tool_use", id: first.calls[0]!.id, name: "read_file", input: {} },
  ]);
  expect(server.requests[1]!.conversation.at(-1)).toMatchObject({ answers: [{ text: "no such file", isError: true }] });
});

test("thinking before a text that was cut goes back, what was to be called does not", async () => {
  const server = await serve(inTurn({ thinking: "deep", text: "so far", calls, stop: "length" }, { text: "ok" }));
  const model = connect("anthropic", server);
  const { text, calls: none, opaque } = await model.respond(requestOf([goal]));
  await model.respond(requestOf([goal, { role: "assistant", text, calls: none, opaque }, goal]));
  const { content } = (server.requests[1]!.body as AnthropicBody).messages[1]!;
  expect(content).toMatchObject([{ type: "thinking" }, { type: "text", text: "so far" }]);
});

test("a turn that somebody changed loses its thinking, not its meaning", async () => {
  const server = await serve(inTurn({ thinking: "deep", text: "the key is sk-123", calls }, { text: "ok" }));
  const model = connect("anthropic", server);
  const [user, assistant, tools] = continued(await model.respond(requestOf([goal])));
  await model.respond(requestOf([user!, { ...assistant, text: "[redacted]" } as Turn, tools!]));
  expect(JSON.stringify(server.requests[1]!.body)).not.toContain("signature");
  expect(server.requests[1]!.conversation[1]).toMatchObject({ text: "[redacted]", calls: [{ name: "read_file" }] });
});

test("the cache reaches to the end of the system prompt, of the tools and of the conversation", async () => {
  const server = await serve(inTurn({ calls }, { text: "ok" }));
  const model = connect("anthropic", server);
  const turns = continued(await model.respond(requestOf([goal])));
  await model.respond(requestOf([...turns, { role: "user", text: "Go on." }]));
  const body = server.requests[1]!.body as AnthropicBody;
  const marked = (value: unknown) => JSON.stringify(value).includes('"cache_control":{"type":"ephemeral"}');
  expect([body.system, body.tools!.at(-1), body.messages.at(-1)!.content.at(-1)].map(marked)).toEqual([true, true, true]);
  expect([body.tools![0], ...body.messages.slice(0, -1)].some(marked)).toBe(false);
  expect(body.messages.at(-1)!.content).toHaveLength(2);
});

test("a model that takes no fixed budget says what to use instead", async () => {
  const message = '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort"';
  const server = await serve(inTurn({ status: 400, message }));
  const error = await problemOf(connect("anthropic", server, { thinkingTokens: 2048 }).respond(requestOf([goal])));
  expect(error.message).toContain("output_config.effort");
});
