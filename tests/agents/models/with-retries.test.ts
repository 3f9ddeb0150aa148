import { expect, test } from "vitest";
import { type RetryOptions, withRetries } from "../../../agents/models/with-retries.js";
import { adapters, connect, goal, problemOf, requestOf, serve } from "./adapters.js";
import { inTurn, type ScriptedStep } from "./scripted-server/script.js";

async function serveRetried(steps: ScriptedStep[], options: RetryOptions = {}) {
  const server = await serve(inTurn(...steps));
  const retries: { kind: string; tries: number; waitMs: number }[] = [];
  const onRetry: RetryOptions["onRetry"] = ({ error, tries, waitMs }) => retries.push({ kind: error.problem.kind, tries, waitMs });
  const model = withRetries(connect("anthropic", server), { firstWaitMs: 4, onRetry, ...options });
  return { server, retries, model };
}

test.each(adapters)("$provider: busy and broken pass, and the answer comes", async ({ provider }) => {
  const server = await serve(
    inTurn(
      { status: 429, headers: { "retry-after-ms": "10" } },
      { status: 529 },
      { status: 500 },
      { text: "half an", breaks: { at: "middle", how: "close" } },
      { text: "an answer" },
    ),
  );
  const kinds: string[] = [];
  const model = withRetries(connect(provider, server), { firstWaitMs: 1, onRetry: ({ error }) => kinds.push(error.problem.kind) });
  expect((await model.respond(requestOf([goal]))).text).toBe("an answer");
  expect(kinds).toEqual(["busy", "busy", "broken", "broken"]);
  const bodies = server.requests.map(({ body }) => JSON.stringify(body));
  expect(new Set(bodies).size).toBe(1);
});

test("it waits as long as it was asked to, up to the longest wait", async () => {
  const asked = { status: 429, headers: { "retry-after-ms": "300" } };
  const { model, retries } = await serveRetried([asked, { text: "ok" }]);
  const started = Date.now();
  await model.respond(requestOf([goal]));
  // A timer may come a millisecond early.
  expect(Date.now() - started).toBeGreaterThanOrEqual(299);
  expect(retries).toEqual([{ kind: "busy", tries: 1, waitMs: 300 }]);

  const capped = await serveRetried([{ status: 429, headers: { "retry-after": "86400" } }, { text: "ok" }], { longestWaitMs: 20 });
  await capped.model.respond(requestOf([goal]));
  expect(capped.retries).toEqual([{ kind: "busy", tries: 1, waitMs: 20 }]);
});

test("waits grow where none is asked for, with jitter, up to the longest", async () => {
  const { model, retries } = await serveRetried([{ status: 529 }], { busyTries: 7, firstWaitMs: 8, longestWaitMs: 100 });
  await problemOf(model.respond(requestOf([goal])));
  expect(retries.length).toBe(6);
  for (const [index, { waitMs }] of retries.entries()) {
    const full = Math.min(100, 8 * 2 ** index);
    expect(waitMs).toBeGreaterThanOrEqual(Math.min(100, full / 2));
    expect(waitMs).toBeLessThanOrEqual(full);
  }
});

test("it gives up after too many broken answers", async () => {
  const { model, server } = await serveRetried([{ status: 500 }]);
  expect((await problemOf(model.respond(requestOf([goal])))).problem).toEqual({ kind: "broken" });
  expect(server.requests.length).toBe(5);
});

test.each<[string, ScriptedStep]>([
  ["spend-limit", { status: 429 }],
  ["too-long", { status: 413 }],
  ["refused-request", { status: 404 }],
])("%s is not tried again", async (kind, step) => {
  const { model, server, retries } = await serveRetried([step]);
  expect((await problemOf(model.respond(requestOf([goal])))).problem.kind).toBe(kind);
  expect([server.requests.length, retries]).toEqual([1, []]);
});

test("a wait can be aborted", async () => {
  const { model, server } = await serveRetried([{ status: 429, headers: { "retry-after": "60" } }]);
  const reason = new Error("enough");
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 100);
  const started = Date.now();
  await expect(model.respond(requestOf([goal], { signal: controller.signal }))).rejects.toBe(reason);
  expect(Date.now() - started).toBeLessThan(5000);
  expect(server.requests.length).toBe(1);
});
