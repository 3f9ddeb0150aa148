import { expect, test } from "vitest";
import { Budget } from "../../../harness/goal/budget.js";
import { spendingText } from "../../../harness/report/spending-text.js";
import type { BudgetLimits, EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import { runStarted, sampleVerdict } from "../sample-run.js";

const logged = (bodies: EventBody[]): ForgeEvent[] =>
  bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-01T00:00:00.000Z", run: "run-1" }));
const asked = (dollars: number | null): EventBody => ({
  type: "agent-turned",
  lane: 0,
  turn: { role: "assistant", text: "", calls: [] },
  usage: { input: 100, output: 20, cacheRead: 1000, cacheWrite: 80 },
  dollars,
});
const submitted = (attempt: number): EventBody => ({ type: "attempt-submitted", attempt, commit: "c", tree: "d", summary: "s" });
const judged = (attempt: number): EventBody => ({ type: "attempt-judged", attempt, verdict: sampleVerdict("surpassed"), bestRatio: 1 });

const ample: BudgetLimits = { attempts: 9, minutes: 60 };
const exhausted = (limits: Partial<BudgetLimits>, bodies: EventBody[], earlierMs = 0): string | null =>
  new Budget({ ...ample, ...limits }, () => logged(bodies), earlierMs, performance.now()).exhausted();

test("each limit ends a goal by itself, and is named", () => {
  const events = [runStarted(), asked(0.5), submitted(1), asked(0.25), submitted(2)];
  expect(exhausted({}, events)).toBeNull();
  expect(exhausted({ attempts: 2 }, events)).toBe("2 attempts");
  expect(exhausted({ tokens: 2400 }, events)).toBe("2400 tokens");
  expect(exhausted({ tokens: 2401 }, events)).toBeNull();
  expect(exhausted({ dollars: 0.75 }, events)).toBe("$0.75");
  expect(exhausted({ dollars: 0.76 }, events)).toBeNull();
  expect(exhausted({ minutes: 5 }, events, 5 * 60_000)).toBe("5 minutes");
});

test("what the goals of a trainer's operations spent counts in its own", () => {
  const spent = { tokens: 900, dollars: 0.4, unpricedRequests: 1 };
  const forged: EventBody = { type: "operation-forged", operation: "rope", operationRun: "run-2", end: "surpassed", ratio: 1.5, spent };
  const events = [runStarted(), asked(0.5), forged];
  expect(exhausted({ dollars: 0.9 }, events)).toBe("$0.9");
  expect(exhausted({ dollars: 0.91 }, events)).toBeNull();
  expect(exhausted({ tokens: 2100 }, events)).toBe("2100 tokens");
});

test("what is appended later counts from then on", () => {
  const bodies: EventBody[] = [runStarted()];
  const budget = new Budget({ ...ample, attempts: 1 }, () => logged(bodies), 0, performance.now());
  expect(budget.exhausted()).toBeNull();
  bodies.push(submitted(1));
  expect(budget.exhausted()).toBe("1 attempt");
  expect(budget.spent()).toMatchObject({ attempts: 1, tokens: 0, dollars: 0 });
});

test("an attempt without a verdict counts until somebody resumes the run", () => {
  const errored: EventBody = { type: "attempt-judged", attempt: 1, verdict: sampleVerdict("errored"), bestRatio: null };
  const resumed: EventBody = { type: "run-resumed", attemptsSoFar: 1, truncatedBytes: 0, budget: ample };
  const events = [runStarted(), submitted(1), errored];
  expect(exhausted({ attempts: 1 }, events)).toBe("1 attempt");
  expect(exhausted({ attempts: 1 }, [...events, resumed])).toBeNull();
  expect(exhausted({ attempts: 1 }, [...events, resumed, resumed, submitted(2)])).toBe("1 attempt");
  expect(exhausted({ attempts: 1 }, [...events, resumed, submitted(2), judged(2), resumed])).toBe("1 attempt");
});

test("a run says what it cost, and each attempt that passed", () => {
  expect(spendingText(logged([runStarted(), submitted(1), judged(1)]))).toBeNull();
  expect(spendingText(logged([asked(0.5), submitted(1), judged(1), asked(0.3), submitted(2), judged(2)]))).toBe(
    "2 requests, 2,400 tokens, $0.80; 1,200 tokens and $0.40 per attempt that passed",
  );
  expect(spendingText(logged([asked(null)]))).toBe("1 request, 1,200 tokens, price unknown; nothing passed");
  expect(spendingText(logged([asked(null), asked(0.5)]))).toContain("$0.50 and 1 requests of unknown price");
});
