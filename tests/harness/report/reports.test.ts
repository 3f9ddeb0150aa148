import fc from "fast-check";
import { expect, test } from "vitest";
import { escapeLines, escapeText } from "../../../harness/report/escape-text.js";
import { breakdownText, figuresText } from "../../../harness/report/figures-text.js";
import { operationText } from "../../../harness/report/operations-text.js";
import { runStory } from "../../../harness/report/run-story.js";
import { runTable } from "../../../harness/report/run-table.js";
import type { EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import type { RunSummary } from "../../../specs/contracts/store.js";
import { runStarted, sampleVerdict } from "../sample-run.js";

const hostile = "\u001b[2J\u001b]0;title\u0007 ok\r\nerror: none\u0000 \u202Etxt\u009b31m\ud800";

test("text of others cannot move the cursor, hide itself or start a line", () => {
  expect(escapeText(hostile)).toBe("\\x1b[2J\\x1b]0;title\\x07 ok\\r\\nerror: none\\x00 \\u202etxt\\x9b31m\\ud800");
  expect(escapeText("naïve kernel, 12 µs, 中文 \u{1f600}")).toBe("naïve kernel, 12 µs, 中文 \u{1f600}");
  expect(escapeLines("a\tb\r\nc\u001b")).toBe("a  b\nc\\x1b");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(escapeText(text))));
});

const summary: RunSummary = {
  run: "rmsnorm-f32-x86-64-20260102-030405-ab12",
  spec: "rmsnorm",
  variant: "f32",
  target: "x86-64",
  agent: "autotune",
  startedAt: "2026-01-02T03:04:05.678Z",
  lastEventAt: "2026-01-02T03:05:05.678Z",
  attempts: 12,
  bestOutcome: "surpassed",
  bestRatio: 1.8312,
  end: "surpassed",
};

test("figures tell what others had of the machine, where that is worth saying", () => {
  const [figure] = sampleVerdict("surpassed").checks.flatMap((check) => ("figures" in check ? (check.figures ?? []) : []));
  const text = (load: { foreign: number; stolen: number }) => figuresText([figure!, { ...figure!, load }]);
  expect(text({ foreign: 0.01, stolen: 0.083 })).toContain("\nwhile it was timed, the hypervisor took up to 8 % of a core");
  expect(text({ foreign: 0.04, stolen: 0 })).toContain("while it was timed, others used up to 4 %");
  expect(text({ foreign: 0.01, stolen: 0.01 }).split("\n")).toHaveLength(2);
});

test("what became of an operation is one sentence, with the figure that it rests on", () => {
  const merge = { type: "merge-decided", operation: "rope", label: "rope: forged by run-2, gcc" } as const;
  const interval = { ratio: 0.912, low: 0.88, high: 0.94 };
  expect(operationText({ ...merge, merged: false, interval, reason: "it slows the whole" })).toBe(
    "not merged: rope: forged by run-2, gcc: it slows the whole, the whole with it is 0.91x [0.88, 0.94] the whole without",
  );
  expect(operationText({ ...merge, label: "", merged: false, interval: null, reason: "no kernel of it was accepted" })).toBe(
    "not merged: rope: no kernel of it was accepted",
  );
  const operations = [
    { operation: "linear", share: 0.6, most: 2.5, isPlanned: true },
    { operation: "rope", share: 0.01, most: 1.01, isPlanned: false },
  ];
  expect(operationText({ type: "operations-planned", operations })).toBe(
    "operations planned: linear 60 % of a step (at most 2.50x), rope 1 % of a step (left out)",
  );
});

test("runs stand in a table whose columns line up, with what can be resumed", () => {
  const table = runTable([
    summary,
    { ...summary, attempts: 0, bestOutcome: null, bestRatio: null, end: null },
    { ...summary, end: "interrupted" },
  ]);
  expect(table).toBe(
    [
      "RUN                                      AGENT     STARTED (UTC)     ATTEMPTS  BEST       SPEED-UP  STATE",
      "rmsnorm-f32-x86-64-20260102-030405-ab12  autotune  2026-01-02 03:04        12  surpassed     1.83x  surpassed",
      "rmsnorm-f32-x86-64-20260102-030405-ab12  autotune  2026-01-02 03:04         0  -                 -  unfinished, last event 2026-01-02 03:05",
      "rmsnorm-f32-x86-64-20260102-030405-ab12  autotune  2026-01-02 03:04        12  surpassed     1.83x  interrupted, can be resumed",
    ].join("\n"),
  );
  expect(runTable([{ ...summary, bestInterval: { low: 1.8, high: 1.86 } }])).toContain("1.83x [1.80, 1.86]");
  expect(runTable([])).toContain("no runs yet");
});

function numbered(...bodies: EventBody[]): ForgeEvent[] {
  return bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-02T03:04:05.678Z", run: "run-1" }));
}

const told = numbered(
  runStarted(),
  { type: "tuning-started", trialsPlanned: 3 },
  { type: "trial-finished", label: "gcc -O3", status: "measured", seconds: 0.002, best: true, detail: "" },
  { type: "trial-finished", label: "clang -O3", status: "rejected", seconds: null, best: false, detail: "align" },
  { type: "attempt-submitted", attempt: 1, commit: "0123456789abcdef", tree: "t", summary: hostile },
  ...sampleVerdict("failed").checks.map((result): EventBody => ({ type: "check-finished", attempt: 1, result })),
  { type: "attempt-judged", attempt: 1, verdict: sampleVerdict("failed"), bestRatio: null },
  { type: "run-resumed", attemptsSoFar: 1, truncatedBytes: 17 },
  { type: "attempt-submitted", attempt: 2, commit: "0123456789abcdef", tree: "t", summary: "wider vectors" },
  ...sampleVerdict("surpassed").checks.map((result): EventBody => ({ type: "check-finished", attempt: 2, result })),
  { type: "attempt-judged", attempt: 2, verdict: sampleVerdict("surpassed"), bestRatio: 1.83 },
  { type: "framework-accepted", attempt: 2, outcome: "surpassed", directory: "generated/rmsnorm/f32/x86-64", ratio: 1.83 },
  { type: "run-finished", end: "surpassed", attempts: 2, elapsedMs: 65_000, message: "beyond doubt" },
);

test("a run's story tells goal, checks with reasons, figures with intervals and limit, times, and where the result lies", () => {
  const story = runStory(told);
  for (const part of [
    "goal      rmsnorm f32 on x86-64 with 2 threads, by autotune",
    "sandbox   bubblewrap 0.8.0: network, seccomp",
    "tuning  2 trials, 1 measured, 1 rejected; best gcc -O3 at 2.00 ms",
    "failed    build",
    "kernel.c:3: error: no",
    "verdict   surpassed, 1.83x [1.80, 1.86] the baseline's speed",
    "resumed   2026-01-02 03:04 after 1 attempt; cut off 17 bytes of an event that was being written",
    "attempt 2  wider vectors  (commit 0123456789)",
    "rows=8192 width=1536  1.83x [1.80, 1.86]  faster  3.84 ms -> 2.10 ms  91 % of the bandwidth limit  34.2 GB/s",
    "time      1.0 s: building 40 %, timing 28 %, running 20 %, comparing 8 %, sealing 2 %, other 2 %",
    "accepted  attempt 2, surpassed at 1.83x: generated/rmsnorm/f32/x86-64",
    "ended     surpassed after 2 attempts and 1 min 05 s: beyond doubt",
  ]) {
    expect(story).toContain(part);
  }
  expect(escapeLines(story)).toBe(story);
});

test("an unfinished run says how to go on", () => {
  expect(runStory(told.slice(0, 4))).toMatch(/best gcc -O3 at 2\.00 ms\n\nunfinished; --resume run-1 continues it$/);
  expect(breakdownText({ building: 0, running: 0, sealing: 0, comparing: 0, timing: 0, other: 0 })).toBe("0 µs");
});
