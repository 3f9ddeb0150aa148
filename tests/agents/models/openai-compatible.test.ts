import { describe, expect, test } from "vitest";
import type { Turn } from "../../../agents/models/model.js";
import { connect, goal, requestOf, serve } from "./adapters.js";
import { inTurn, type ScriptedReply } from "./scripted-server/script.js";

/** Chat Completions as vLLM, SGLang, llama.cpp, Ollama and LM Studio speak it. */
const calls = [
  { name: "run_command", arguments: { command: "ls -l" } },
  { name: "run_command", arguments: { command: "pwd" } },
];

test("no key is needed, and none is sent", async () => {
  const server = await serve(inTurn({ text: "ok" }), { apiKey: null });
  for (const provider of ["openai-chat", "openai-responses"] as const)
    await connect(provider, server, { apiKey: undefined }).respond(requestOf([goal]));
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
});

test("local servers know the older name of the longest answer", async () => {
  const server = await serve(inTurn({ text: "ok" }));
  await connect("openai-chat", server).respond(requestOf([goal]));
  expect(server.requests[0]!.body).toMatchObject({ max_tokens: 4096, stream_options: { include_usage: true } });
  const own = connect("openai-chat", { url: "https://api.openai.com/v1" }).describeRequest(requestOf([goal]));
  expect(own).toMatchObject({ body: { max_completion_tokens: 4096 } });
});

describe.each<[string, ScriptedReply["quirks"]]>([
  ["nothing unusual", {}],
  ["no usage", { omitUsage: true }],
  ["no ids", { omitCallIds: true }],
  ["arguments in one piece", { wholeArguments: true }],
  ['"stop" where there are calls', { stopForCalls: true }],
  ["the same index for every call", { sameIndex: true }],
  ["no index", { omitIndex: true }],
  ["no index and whole arguments", { omitIndex: true, omitCallIds: true, wholeArguments: true }],
  ["all of it but the same index", { omitUsage: true, omitCallIds: true, wholeArguments: true, stopForCalls: true }],
])("%s", (_, quirks) => {
  test("the calls arrive, and their answers go back", async () => {
    const server = await serve(inTurn({ calls, quirks: quirks ?? {} }, { text: "ok" }));
    const model = connect("openai-chat", server);
    const reply = await model.respond(requestOf([goal]));
    expect(reply.stop).toBe("calls");
    expect(reply.calls.map(({ name, argumentsText }) => [name, JSON.parse(argumentsText)])).toEqual([
      ["run_command", { command: "ls -l" }],
      ["run_command", { command: "pwd" }],
    ]);
    expect(new Set(reply.calls.map(({ id }) => id)).size).toBe(2);
    expect(reply.usage).toEqual(
      quirks?.omitUsage ? { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } : { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 },
    );
    const turns: Turn[] = [
      goal,
      { role: "assistant", text: reply.text, calls: reply.calls },
      { role: "tools", answers: reply.calls.map(({ id }) => ({ id, text: id, isError: false })) },
    ];
    expect((await model.respond(requestOf(turns))).text).toBe("ok");
  });
});

test("made-up ids differ from turn to turn", async () => {
  const server = await serve(inTurn({ calls, quirks: { omitCallIds: true } }));
  const model = connect("openai-chat", server);
  const first = await model.respond(requestOf([goal]));
  const turns: Turn[] = [
    goal,
    { role: "assistant", text: "", calls: first.calls },
    { role: "tools", answers: first.calls.map(({ id }) => ({ id, text: "", isError: false })) },
  ];
  const second = await model.respond(requestOf(turns));
  expect(new Set([...first.calls, ...second.calls].map(({ id }) => id)).size).toBe(4);
});

test("reasoning is no part of the text", async () => {
  const server = await serve(inTurn({ thinking: "Let me think.", text: "ok" }));
  const heard: string[] = [];
  const reply = await connect("openai-chat", server).respond(requestOf([goal], { onText: (text) => heard.push(text) }));
  expect([reply.text, heard.join("")]).toEqual(["ok", "ok"]);
});

test("Responses: nothing is stored, reasoning is asked for and goes back before what it led to", async () => {
  const server = await serve(inTurn({ thinking: "deep", text: "so", calls }, { text: "ok" }));
  const model = connect("openai-responses", server, { effort: "high" });
  const reply = await model.respond(requestOf([goal]));
  const turns: Turn[] = [
    goal,
    { role: "assistant", text: reply.text, calls: reply.calls, opaque: reply.opaque },
    { role: "tools", answers: reply.calls.map(({ id }) => ({ id, text: "", isError: false })) },
  ];
  await model.respond(requestOf(turns));
  expect(server.requests[1]!.body).toMatchObject({
    store: false,
    include: ["reasoning.encrypted_content"],
    reasoning: { effort: "high" },
    input: [
      { role: "user" },
      { type: "reasoning", encrypted_content: expect.stringMatching(/^gAAAA/) },
      { role: "assistant", content: "so", phase: "commentary" },
      { type: "function_call" },
      { type: "function_call" },
      { type: "function_call_output" },
      { type: "function_call_output" },
    ],
  });
});
