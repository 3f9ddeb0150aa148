import { expect, test } from "vitest";
import { advance, emptyProgress, type ProgressState } from "../../../harness/progress/progress-state.js";
import type { EventBody } from "../../../specs/contracts/event.js";
import { trainerChecks } from "../../../specs/contracts/verdict.js";
import { recordedRun, speedFigure, verdictOf } from "./recorded-run.js";

const after = (events: EventBody[], from: ProgressState = emptyProgress) =>
  events.reduce((state, event, index) => advance(state, event, index * 1000), from);
const until = (type: EventBody["type"], count = 1) => {
  const events = recordedRun();
  const ends = events.flatMap((event, index) => (event.type === type ? [index] : []));
  return after(events.slice(0, (ends[count - 1] ?? events.length) + 1));
};

test("a check that runs is on the ladder with its start, and with its answer once it has one", () => {
  expect(until("check-started").ladder[0]).toEqual({ state: "running", check: "rules", startedAtMs: 2000 });
  expect(until("check-finished").ladder[0]).toMatchObject({ state: "passed", check: "rules", durationMs: 12 });
});

test("a new attempt starts with a fresh ladder", () => {
  expect(until("attempt-submitted", 2).ladder.every((rung) => rung.state === "waiting")).toBe(true);
});

test("a trainer's first check that kernels do not have makes the ladder a trainer's, what was passed so far on it", () => {
  const passed: EventBody = {
    type: "check-finished",
    attempt: 1,
    result: { check: "memory", status: "passed", durationMs: 5, summary: "clean" },
  };
  const { ladder } = after([passed, { type: "check-started", attempt: 1, check: "forward" }]);
  expect(ladder.map(({ check }) => check)).toEqual(trainerChecks);
  expect(ladder.find(({ check }) => check === "memory")).toMatchObject({ state: "passed", durationMs: 5 });
  expect(ladder.find(({ check }) => check === "forward")).toMatchObject({ state: "running" });
  expect(ladder.find(({ check }) => check === "training")).toEqual({ state: "waiting", check: "training" });
});

test("the best is the confirmation's figure, not the luckier first one", () => {
  const state = until("attempt-judged", 2);
  expect(state.best?.attempt).toBe(2);
  expect(state.best?.ratio.ratio).toBeCloseTo(1.45, 10);
  expect(state.best?.ratio.low).toBeCloseTo(1.4, 10);
  expect(state.best?.ratio.high).toBeCloseTo(1.5, 10);
});

test("a fast attempt that is wrong is never the best", () => {
  const wrong = verdictOf("failed", [
    { check: "confirmation", status: "failed", durationMs: 1, summary: "", evidence: [], figures: [speedFigure(9, 8, 10)] },
  ]);
  const state = after([{ type: "attempt-judged", attempt: 3, verdict: wrong, bestRatio: null }], until("run-finished"));
  expect(state.best?.ratio.ratio).toBeCloseTo(1.45, 10);
});

test("trials are counted, rejected ones too, and the best of them is kept", () => {
  expect(until("trial-finished", 2).tuning).toEqual({ planned: 2, finished: 2, rejected: 1, best: { label: "gcc -O3", seconds: 0.00412 } });
});

test("a resumed run counts the attempts that were not seen here", () => {
  const started = after(recordedRun().slice(0, 1));
  expect(after([{ type: "run-resumed", attemptsSoFar: 5, truncatedBytes: 0 }], started).attemptsBefore).toBe(5);
});

test("an attempt that is submitted again after a crash stands once", () => {
  const cutShort = after(recordedRun().slice(0, 4));
  const again = after(recordedRun().slice(1, 4), after([{ type: "run-resumed", attemptsSoFar: 1, truncatedBytes: 7 }], cutShort));
  expect(again.attempts).toHaveLength(1);
});
