import { describe, expect, test } from "vitest";
import type { ModelReply, Turn } from "../../../agents/models/model.js";
import { adapters, connect, goal, problemOf, requestOf, serve } from "./adapters.js";
import { inTurn } from "./scripted-server/script.js";

function turnOf({ text, calls, opaque }: ModelReply): Turn {
  return { role: "assistant", text, calls, ...(opaque === undefined ? {} : { opaque }) };
}

function answersTo({ calls }: ModelReply, text = "done"): Turn {
  return { role: "tools", answers: calls.map(({ id }) => ({ id, text, isError: false })) };
}

/** As the log keeps it: an answer is read back from JSON. */
function stored<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

describe.each(adapters)("$provider", ({ provider }) => {
  test("a conversation with thinking, two calls at once and their answers", async () => {
    const server = await serve(
      inTurn(
        {
          thinking: "I should look first.",
          text: "Let me look: äöü 🙂.",
          calls: [
            { name: "run_command", arguments: { command: 'echo "ü 🙂"' } },
            { name: "read_file", arguments: {} },
          ],
          usage: { input: 11, output: 22, cacheRead: 33, cacheWrite: 44 },
        },
        { thinking: "That was it.", text: "It is fast now." },
        { text: "You are welcome." },
      ),
    );
    const model = connect(provider, server);
    const heard: string[] = [];
    const first = await model.respond(requestOf([goal], { onText: (text) => heard.push(text) }));
    expect(first).toMatchObject({ text: "Let me look: äöü 🙂.", stop: "calls" });
    expect(heard.join("")).toBe(first.text);
    expect(heard.length).toBeGreaterThan(1);
    expect(first.calls.map(({ name, argumentsText }) => [name, JSON.parse(argumentsText)])).toEqual([
      ["run_command", { command: 'echo "ü 🙂"' }],
      ["read_file", {}],
    ]);
    expect(first.usage).toEqual({ input: 11, output: 22, cacheRead: 33, cacheWrite: 44 });

    const turns = stored([goal, turnOf(first), answersTo(first)]);
    const second = await model.respond(requestOf(turns));
    expect(second).toMatchObject({ text: "It is fast now.", calls: [], stop: "finished" });
    const third = await model.respond(requestOf(stored([...turns, turnOf(second), { role: "user", text: "Thanks." }])));
    expect(third.text).toBe("You are welcome.");

    const [one, two] = first.calls.map(({ id }) => id);
    expect(server.requests[2]!.conversation).toEqual([
      { role: "user", text: "Make it fast." },
      {
        role: "assistant",
        text: "Let me look: äöü 🙂.",
        calls: [
          { id: one, name: "run_command", arguments: { command: 'echo "ü 🙂"' } },
          { id: two, name: "read_file", arguments: {} },
        ],
      },
      {
        role: "tools",
        answers: [
          { id: one, text: "done", isError: false },
          { id: two, text: "done", isError: false },
        ],
      },
      { role: "assistant", text: "It is fast now.", calls: [] },
      { role: "user", text: "Thanks." },
    ]);
  });

  test("the system prompt, the tools and the longest answer are sent", async () => {
    const seen: unknown[] = [];
    const server = await serve((_, { system, toolNames }) => {
      seen.push(system, toolNames);
      return { text: "yes" };
    });
    await connect(provider, server).respond(requestOf([goal], { maximumOutputTokens: 1234 }));
    expect(seen).toEqual(["You write kernels.", ["run_command", "read_file"]]);
    expect(JSON.stringify(server.requests[0]!.body)).toMatch(/"max_(output_)?tokens":1234/);
  });

  test("without system prompt and tools", async () => {
    const server = await serve(inTurn({ text: "yes" }));
    expect((await connect(provider, server).respond(requestOf([goal], { system: "", tools: [] }))).text).toBe("yes");
  });

  test("what describeRequest shows is what is sent, and holds no key", async () => {
    const server = await serve(inTurn({ text: "yes" }));
    const model = connect(provider, server);
    const described = model.describeRequest(requestOf([goal])) as { url: string; body: unknown };
    await model.respond(requestOf([goal]));
    expect(described.body).toEqual(server.requests[0]!.body);
    expect(new URL(described.url).pathname).toMatch(/^\/v1\/(messages|chat\/completions|responses)$/);
    expect(JSON.stringify(described)).not.toContain("sk-");
  });

  test("malformed arguments are returned as written, and the conversation goes on", async () => {
    const server = await serve(
      inTurn(
        { calls: [{ name: "run_command", argumentsText: '{"command": ls' }] },
        { calls: [{ name: "run_command", argumentsText: "[1]" }] },
        { text: "ok" },
      ),
    );
    const model = connect(provider, server);
    const first = await model.respond(requestOf([goal]));
    expect(first.calls[0]!.argumentsText).toBe('{"command": ls');
    const turns = [goal, turnOf(first), answersTo(first, "not JSON")];
    const second = await model.respond(requestOf(turns));
    expect((await model.respond(requestOf([...turns, turnOf(second), answersTo(second)]))).text).toBe("ok");
  });

  test("an invented tool and ids that occur twice do not make the conversation unsendable", async () => {
    const call = { name: "rm -rf /", id: "toolu_same", arguments: {} };
    const server = await serve(inTurn({ calls: [call, call] }, { calls: [call] }, { text: "ok" }));
    const model = connect(provider, server);
    const first = await model.respond(requestOf([goal]));
    expect(first.calls.map(({ name }) => name)).toEqual(["rm -rf /", "rm -rf /"]);
    expect(new Set(first.calls.map(({ id }) => id)).size).toBe(2);
    const turns = [goal, turnOf(first), answersTo(first)];
    const second = await model.respond(requestOf(turns));
    expect((await model.respond(requestOf([...turns, turnOf(second), answersTo(second)]))).text).toBe("ok");
  });

  test("an empty answer is one, and the conversation goes on", async () => {
    const server = await serve(inTurn({}, { thinking: "hm" }, { text: "ok" }));
    const model = connect(provider, server);
    const first = await model.respond(requestOf([goal]));
    expect(first).toMatchObject({ text: "", calls: [], stop: "finished" });
    const turns: Turn[] = [goal, turnOf(first), { role: "user", text: "Go on." }];
    const second = await model.respond(requestOf(turns));
    expect(second).toMatchObject({ text: "", stop: "finished" });
    expect((await model.respond(requestOf([...turns, turnOf(second), { role: "user", text: " " }]))).text).toBe("ok");
  });

  test("an answer cut at its longest, or refused, has no calls; the conversation goes on", async () => {
    const calls = [{ name: "run_command", argumentsText: '{"command": "rm -r' }];
    const server = await serve(
      inTurn({ thinking: "long", text: "so far", calls, stop: "length" }, { thinking: "no", calls, stop: "refused" }, { text: "ok" }),
    );
    const model = connect(provider, server);
    const first = await model.respond(requestOf([goal]));
    expect(first).toMatchObject({ text: "so far", calls: [], stop: "length" });
    const turns: Turn[] = [goal, turnOf(first), { role: "user", text: "Shorter." }];
    const second = await model.respond(requestOf(turns));
    expect(second).toMatchObject({ calls: [], stop: "refused" });
    expect((await model.respond(requestOf([...turns, turnOf(second), goal]))).text).toBe("ok");
  });

  test("half a surrogate pair, as a text cut by length ends in, is no obstacle", async () => {
    const server = await serve(inTurn({ text: "ok" }));
    await connect(provider, server).respond(requestOf([{ role: "user", text: "cut \ud83d" }]));
    expect(server.requests[0]!.conversation).toEqual([{ role: "user", text: "cut \ufffd" }]);
  });

  test("a conversation that another model began goes on with this one", async () => {
    const server = await serve(inTurn({ text: "ok" }));
    const opaque = {
      provider,
      model: "another-model",
      prefix: "",
      order: [{ part: { type: "thinking", thinking: "x", signature: "x" } }, { call: true }],
    };
    const turns: Turn[] = [
      goal,
      { role: "assistant", text: "", calls: [{ id: "call_1", name: "read_file", argumentsText: "{}" }], opaque },
      { role: "tools", answers: [{ id: "call_1", text: "it", isError: true }] },
    ];
    expect((await connect(provider, server).respond(requestOf(turns))).text).toBe("ok");
  });

  test("thinking is left out where what comes before it was compacted, not where it was not", async () => {
    const think = { thinking: "deep", calls: [{ name: "read_file", arguments: {} }] };
    const server = await serve(inTurn(think, think, think, { text: "ok" }));
    const model = connect(provider, server);
    const first = await model.respond(requestOf([goal]));
    const second = await model.respond(requestOf([goal, turnOf(first), answersTo(first)]));
    const compacted: Turn[] = [{ role: "user", text: "A summary." }, turnOf(second), answersTo(second)];
    const third = await model.respond(requestOf(compacted));
    await model.respond(requestOf([...compacted, turnOf(third), answersTo(third)]));
    const thinkingIn = (index: number) => JSON.stringify(server.requests[index]!.body).split(/"type":"(?:thinking|reasoning)"/).length - 1;
    expect(thinkingIn(1)).toBe(provider === "openai-chat" ? 0 : 1);
    // The Responses API does not tie reasoning to what came before.
    expect([thinkingIn(2), thinkingIn(3)]).toEqual({ anthropic: [0, 1], "openai-chat": [0, 0], "openai-responses": [1, 2] }[provider]);
  });

  test("a call that got no answer is the caller's fault, and said so", async () => {
    const server = await serve(inTurn({ text: "ok" }), {}, false);
    const turns: Turn[] = [goal, { role: "assistant", text: "", calls: [{ id: "call_1", name: "read_file", argumentsText: "{}" }] }, goal];
    const error = await problemOf(connect(provider, server).respond(requestOf(turns)));
    expect(error.problem.kind).toBe("refused-request");
    expect(error.message).toContain("call_1");
  });
});
