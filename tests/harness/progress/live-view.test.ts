import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { fitLine, paintLine } from "../../../harness/progress/line.js";
import { openLiveView } from "../../../harness/progress/live-view.js";
import { advance, emptyProgress } from "../../../harness/progress/progress-state.js";
import { renderLive } from "../../../harness/progress/render-live.js";
import { recordedRun } from "./recorded-run.js";

const events = recordedRun();
const stateAfter = (count: number) =>
  events.slice(0, count).reduce((state, event) => advance(state, event, Date.parse(event.at), event.run), emptyProgress);
const textAfter = (count: number) =>
  renderLive(stateAfter(count), Date.parse(events[count - 1]!.at) + 1500)
    .map((line) => paintLine(line, false).trimEnd())
    .join("\n");

test("while an attempt is judged: goal, ladder, attempts, spend", () => {
  expect(textAfter(5)).toMatchInlineSnapshot(`
    "goal      rmsnorm f32 on x86-64, 2 thread(s), by autotune  rmsnorm-f32-x86-64-1
      ✓ rules             12.0 ms  object exports and imports what it may
      · build
      · memory
      ▸ align               1.5 s
      · determinism
      · speed
      · confirmation
    attempts   1 judging   first try\\x1b[31m
    spend     1 of 8 attempts, 3.5 s of 3 min"
  `);
});

test("while tuning: trials and why the earlier attempt failed", () => {
  expect(textAfter(10)).toMatchInlineSnapshot(`
    "goal      rmsnorm f32 on x86-64, 2 thread(s), by autotune  rmsnorm-f32-x86-64-1
      ✓ rules             12.0 ms  object exports and imports what it may
      · build
      · memory
      ✗ align               2.1 s  1 of 24 cases differs
      · determinism
      · speed
      · confirmation
    tuning    2 of 2 trials, 1 rejected; best 4.12 ms gcc -O3
    attempts   1 failed    align: rmsnorm_forward y (rows=3 width=17, offset): envelope-max 0.0125 > 0.000100; at [2, 5] expected 1.5, got 1.4875, 125 times over the bound
    spend     1 of 8 attempts, 6.0 s of 3 min"
  `);
});

test("at the end: best ratio with its interval", () => {
  expect(textAfter(events.length)).toMatchInlineSnapshot(`
    "goal      rmsnorm f32 on x86-64, 2 thread(s), by autotune  rmsnorm-f32-x86-64-1
      · rules
      · build
      · memory
      · align
      · determinism
      ✓ speed          1 min 01 s  faster
      ✓ confirmation        9.0 s  confirmed
    attempts   1 failed    align: rmsnorm_forward y (rows=3 width=17, offset): envelope-max 0.0125 > 0.000100; at [2, 5] expected 1.5, got 1.4875, 125 times over the bound
               2 surpassed 1.45x [1.40, 1.50]  gcc -O3
    best      1.45x [1.40, 1.50] the baseline's speed (attempt 2, surpassed)
    spend     2 of 8 attempts, 1 min 24 s of 3 min
    note      two loops\\nmerged"
  `);
});

test("no line is wider than the terminal, and none carries an escape code from outside", () => {
  for (const line of renderLive(stateAfter(6), 0)) {
    const text = paintLine(fitLine(line, 40), false);
    expect([...text].length).toBeLessThanOrEqual(40);
    expect(text).not.toMatch(/\p{Cc}/u);
  }
});

test("wide characters count two columns", () => {
  expect(paintLine(fitLine([{ text: "速い速い" }], 5), false)).toBe("速い…");
});

/** A terminal of a given size that keeps what is written to it and, as with NO_COLOR, has no colours. */
function smallTerminal(columns: number, rows: number) {
  const written: string[] = [];
  return { terminal: { columns, rows, hasColors: () => false, write: (text: string) => written.push(text) }, written };
}

test("the block fits a small terminal, is one write a frame, and the cursor comes back", () => {
  const { terminal, written } = smallTerminal(30, 8);
  const view = openLiveView(terminal);
  for (const event of events) view.event(event, Date.parse(event.at), event.run);
  view.close();
  expect(written[0]).toBe("\x1b[?25l");
  expect(written.at(-1)).toBe("\x1b[?25h");
  expect(written).toHaveLength(3);
  const lines = stripVTControlCharacters(written[1]!)
    .split("\n")
    .filter((line) => line !== "");
  expect(lines.length).toBeLessThanOrEqual(7);
  for (const line of lines) expect(line.length).toBeLessThan(30);
  expect(written.join("")).not.toContain("\x1b[3");
});

test("closing twice is closing once", () => {
  const { terminal, written } = smallTerminal(80, 24);
  const view = openLiveView(terminal);
  view.close();
  view.close();
  expect(written.filter((text) => text === "\x1b[?25h")).toHaveLength(1);
});
