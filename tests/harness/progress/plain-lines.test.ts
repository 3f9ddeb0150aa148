import { expect, test } from "vitest";
import { createPlainLines } from "../../../harness/progress/plain-lines.js";
import { recordedRun } from "./recorded-run.js";

test("a recorded run becomes one line per event", () => {
  const toLine = createPlainLines();
  const lines = recordedRun().map((event) => toLine(event, Date.parse(event.at)));
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "goal: rmsnorm f32 on x86-64 (A CPU\\x1b[2J, 2 thread(s), sandbox bubblewrap) by autotune; budget 8 attempts, 3 min
    attempt 1: first try\\x1b[31m (commit 1111111111)
      rules: running
      rules: passed in 12.0 ms; object exports and imports what it may
      align: running
      align: failed in 2.1 s; 1 of 24 cases differs: rmsnorm_forward y (rows=3 width=17, offset): envelope-max 0.0125 > 0.000100; at [2, 5] expected 1.5, got 1.4875, 125 times over the bound
    attempt 1: failed
    tuning: 2 trial(s) planned
      trial 1/2 gcc -O3: 4.12 ms, best so far
      trial 2/2 clang -ffast-math: rejected (align: y)
    note: two loops\\nmerged
    attempt 2: gcc -O3 (commit 3333333333)
      speed: running
      speed: passed in 1 min 01 s; faster
      confirmation: passed in 9.0 s; confirmed
    attempt 2: surpassed, 1.45x [1.40, 1.50] the baseline
    accepted: attempt 2, surpassed, 1.45x the baseline: generated/rmsnorm/f32/x86-64
    finished: surpassed after 2 attempt(s), 1 min 24 s"
  `);
});

test("text from compilers, candidates and agents cannot move the cursor or forge a line", () => {
  const toLine = createPlainLines();
  for (const event of recordedRun()) expect(toLine(event, 0)).not.toMatch(/[\p{Cc}]/u);
});
