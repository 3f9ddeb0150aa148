import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { adapters, connect, goal, problemOf, requestOf, serve } from "./adapters.js";
import { inTurn, type ScriptedFault, type ScriptedReply } from "./scripted-server/script.js";
import { scriptedKey } from "./scripted-server/start-scripted-server.js";

const answer: ScriptedReply = {
  thinking: "let me",
  text: "I will run it now.",
  calls: [{ name: "run_command", arguments: { command: "ls" } }],
};

describe.each(adapters)("$provider", ({ provider, keyVariable, tooLong, accountLimits, streamBusy, streamBroken }) => {
  async function failWith(step: ScriptedReply | ScriptedFault, choice = {}) {
    const server = await serve(inTurn(step));
    return problemOf(connect(provider, server, choice).respond(requestOf([goal])));
  }

  test.each<[string, ScriptedFault, number | null]>([
    ["429 with seconds", { status: 429, headers: { "retry-after": "7" } }, 7000],
    ["429 with milliseconds, which are the more exact", { status: 429, headers: { "retry-after": "7", "retry-after-ms": "1500" } }, 1500],
    ["429 with something unreadable", { status: 429, headers: { "retry-after": "soon" } }, null],
    ["503 with seconds", { status: 503, headers: { "retry-after": "1" } }, 1000],
    ["529", { status: 529 }, null],
  ])("busy: %s", async (_, fault, retryAfterMs) => {
    expect((await failWith(fault)).problem).toEqual({ kind: "busy", retryAfterMs });
  });

  test("busy: 429 with a date", async () => {
    const { problem } = await failWith({ status: 429, headers: { "retry-after": new Date(Date.now() + 60_000).toUTCString() } });
    expect(problem).toEqual({ kind: "busy", retryAfterMs: expect.any(Number) });
    expect(problem.kind === "busy" && problem.retryAfterMs).toBeGreaterThan(50_000);
    expect(problem.kind === "busy" && problem.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test.each<ScriptedFault>([{ status: 429, message: "Too many." }, ...accountLimits])("spend-limit: %o", async (fault) => {
    const error = await failWith(fault);
    expect(error.problem).toEqual({ kind: "spend-limit" });
    expect(error.message).toContain(keyVariable);
  });

  test.each<ScriptedFault>([
    tooLong,
    { status: 413, message: "Request exceeds the maximum size" },
    { status: 400, message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens" },
    { status: 400, message: "the request exceeds the available context size (4096 tokens), try increasing it" },
  ])("too-long: %o", async (fault) => {
    expect((await failWith(fault)).problem).toEqual({ kind: "too-long" });
  });

  test.each<ScriptedFault>([
    { status: 500 },
    { status: 502, body: "<html>Bad gateway</html>" },
    { status: 503 },
    { status: 504, body: "" },
    { status: 408 },
  ])("broken: %o", async (fault) => {
    expect((await failWith(fault)).problem).toEqual({ kind: "broken" });
  });

  test.each<[ScriptedFault, string]>([
    [{ status: 400, message: "tools.0: no such thing" }, "tools.0: no such thing"],
    [{ status: 401, message: "revoked" }, keyVariable],
    [{ status: 403, message: "not for you" }, keyVariable],
    [{ status: 404, message: "no such model" }, "scripted-model"],
    [{ status: 422, message: "unprocessable" }, "unprocessable"],
    [{ status: 302, headers: { location: "http://127.0.0.1:1/" }, body: "" }, "base URL"],
  ])("refused-request, with what to do: %o", async (fault, named) => {
    const error = await failWith(fault);
    expect(error.problem).toEqual({ kind: "refused-request", status: fault.status });
    expect(error.message).toContain(named);
  });

  test("a wrong key is named by its variable, never shown", async () => {
    const server = await serve(inTurn(answer));
    const apiKey = "sk-wrong-9876543210-abcdefgh";
    const error = await problemOf(connect(provider, server, { apiKey }).respond(requestOf([goal])));
    expect(error.problem).toEqual({ kind: "refused-request", status: 401 });
    expect(error.message).toContain(keyVariable);
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain(apiKey);
  });

  test("a key of no known shape is not shown either, nor are control characters", async () => {
    const apiKey = "hunter2hunter2";
    const server = await serve(inTurn({ status: 400, message: `your key\u001b[2J is ${apiKey}` }), { apiKey });
    const { message } = await problemOf(connect(provider, server, { apiKey }).respond(requestOf([goal])));
    expect(message).toContain("[redacted]");
    expect(message).not.toContain(apiKey);
    expect(message).not.toContain("\u001b");
  });

  const ways = (["start", "middle", "end"] as const).flatMap((at) => (["reset", "close", "garbage"] as const).map((how) => ({ at, how })));
  test.each(ways)("a stream with $how at its $at is no answer", async (breaks) => {
    expect((await failWith({ ...answer, breaks })).problem).toEqual({ kind: "broken" });
  });

  test.each(["start", "middle", "end"] as const)("a stream that stalls at its %s is given up", async (at) => {
    const started = Date.now();
    const error = await failWith({ ...answer, breaks: { at, how: "stall" } }, { idleTimeoutMs: 150 });
    expect(error.problem).toEqual({ kind: "broken" });
    expect(error.message).toContain("no data for 0.15 seconds");
    expect(Date.now() - started).toBeLessThan(5000);
  });

  test("a server that does not begin to answer is given up", async () => {
    const error = await failWith({ ...answer, delayMs: 3000 }, { responseTimeoutMs: 150 });
    expect(error.problem).toEqual({ kind: "broken" });
    expect(error.message).toMatch(/timed out/i);
  });

  test("nobody listens", async () => {
    const server = await serve(inTurn(answer));
    await server.close();
    const error = await problemOf(connect(provider, server).respond(requestOf([goal])));
    expect(error.problem).toEqual({ kind: "broken" });
    expect(error.message).toContain("ECONNREFUSED");
  });

  test.each([
    [streamBusy, { kind: "busy", retryAfterMs: null }],
    [streamBroken, { kind: "broken" }],
    ["context_length_exceeded", { kind: "too-long" }],
    ["insufficient_quota", { kind: "spend-limit" }],
    ["invalid_request_error", { kind: "refused-request", status: null }],
  ])("an error inside a stream: %s", async (code, problem) => {
    for (const how of ["error", "failed"] as const)
      expect((await failWith({ ...answer, breaks: { at: "middle", how, code } })).problem).toEqual(problem);
  });

  test("aborting throws the signal's reason: before, while waiting and in a stream", async () => {
    const reason = new Error("the user has had enough");
    const aborted = AbortSignal.abort(reason);
    const idle = await serve(inTurn({ ...answer, delayMs: 5000 }));
    await expect(connect(provider, idle).respond(requestOf([goal], { signal: aborted }))).rejects.toBe(reason);
    expect(idle.requests).toEqual([]);

    const waiting = new AbortController();
    setTimeout(() => waiting.abort(reason), 100);
    await expect(connect(provider, idle).respond(requestOf([goal], { signal: waiting.signal }))).rejects.toBe(reason);

    const stalling = await serve(inTurn({ ...answer, breaks: { at: "end", how: "stall" } }));
    const reading = new AbortController();
    const onText = () => setTimeout(() => reading.abort(reason), 50);
    await expect(connect(provider, stalling).respond(requestOf([goal], { signal: reading.signal, onText }))).rejects.toBe(reason);
  });

  test("a signal that outlives many requests gathers no listeners", async () => {
    const { signal } = new AbortController();
    const server = await serve(inTurn(answer, { status: 500 }));
    await connect(provider, server).respond(requestOf([goal], { signal }));
    await problemOf(connect(provider, server).respond(requestOf([goal], { signal })));
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("what a listener throws is its own error, not the model's", async () => {
    const server = await serve(inTurn(answer));
    const bug = new TypeError("a listener's bug");
    const onText = () => {
      throw bug;
    };
    await expect(connect(provider, server).respond(requestOf([goal], { onText }))).rejects.toBe(bug);
  });

  test("one request is one attempt", async () => {
    const server = await serve(inTurn({ status: 500 }));
    await problemOf(connect(provider, server).respond(requestOf([goal])));
    expect(server.requests.length).toBe(1);
  });

  test("keys of the environment are not sent for a key that was given", async () => {
    const server = await serve(inTurn({ text: "ok" }));
    const { ANTHROPIC_AUTH_TOKEN: before } = process.env;
    process.env.ANTHROPIC_AUTH_TOKEN = "sk-other-account-0123456789";
    try {
      await connect(provider, server).respond(requestOf([goal]));
    } finally {
      if (before === undefined) delete process.env.ANTHROPIC_AUTH_TOKEN;
      else process.env.ANTHROPIC_AUTH_TOKEN = before;
    }
    expect(JSON.stringify(server.requests[0]!.headers)).not.toContain("other-account");
    expect(JSON.stringify(server.requests[0]!.headers)).toContain(scriptedKey);
  });
});
