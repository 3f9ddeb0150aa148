import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createRunLog, openRunLog, readRunLog } from "../../../harness/store/run-log.js";
import type { EventBody } from "../../../specs/contracts/event.js";
import { runStarted } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

function logPath(): string {
  const folder = join(temporaryFolder(), "run-1");
  mkdirSync(folder);
  return join(folder, "log.jsonl");
}

function note(text: string): EventBody {
  return { type: "agent-noted", text };
}

function logOf(...bodies: EventBody[]): { path: string; text: string } {
  const path = logPath();
  const log = createRunLog(path, "run-1");
  for (const body of bodies) log.append(body);
  log.close();
  return { path, text: readFileSync(path, "utf8") };
}

test("events come back in order, one JSON object a line, numbered without gaps", () => {
  const { path, text } = logOf(runStarted(), note("line\nbreak \u2028 \u0000 é"), note("two"));
  expect(text.split("\n")).toHaveLength(4);
  const { events, tornBytes } = readRunLog(path, "run-1");
  expect(events.map(({ sequence, type }) => [sequence, type])).toEqual([
    [0, "run-started"],
    [1, "agent-noted"],
    [2, "agent-noted"],
  ]);
  expect(events[1]).toMatchObject({ text: "line\nbreak \u2028 \u0000 é", run: "run-1" });
  expect(tornBytes).toBe(0);
});

test("what append returns is what will be read back, also where JSON has no word for a value", () => {
  const log = createRunLog(logPath(), "run-1");
  const event = log.append({ type: "framework-accepted", attempt: 1, outcome: "passed", directory: "x", ratio: Number.POSITIVE_INFINITY });
  expect(event).toMatchObject({ ratio: null });
  expect(readRunLog(log.path, "run-1").events).toEqual([event]);
});

test("row 55: cut off at any byte, a log keeps every event whose line is whole, reports the rest and goes on", () => {
  const { text } = logOf(runStarted(), note("ä".repeat(20)), note("second"));
  const bytes = Buffer.from(text, "utf8");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length }), (length) => {
      const path = logPath();
      writeFileSync(path, bytes.subarray(0, length));
      const whole = bytes.subarray(0, length).toString("latin1").split("\n").length - 1;
      const { log, truncatedBytes } = openRunLog(path, "run-1");
      expect(log.events()).toHaveLength(whole);
      expect(truncatedBytes).toBe(length - (bytes.subarray(0, length).lastIndexOf(0x0a) + 1));
      log.append(note("after"));
      log.close();
      expect(readRunLog(path, "run-1").events.at(-1)).toMatchObject({ sequence: whole, text: "after" });
    }),
    { numRuns: 60 },
  );
});

test("without the cut, the next event would be lost in the torn line", () => {
  const { path, text } = logOf(runStarted(), note("torn"));
  writeFileSync(path, text.slice(0, -5));
  appendFileSync(path, `${JSON.stringify({ sequence: 1, run: "run-1", at: "", ...note("naive") })}\n`);
  expect(readRunLog(path, "run-1").events).toHaveLength(1);
});

test("a last line that is whole but holds no JSON was never acknowledged either", () => {
  const { path } = logOf(runStarted());
  appendFileSync(path, Buffer.from([0, 0, 0, 0x0a]));
  const { log, truncatedBytes } = openRunLog(path, "run-1");
  expect([log.events().length, truncatedBytes]).toEqual([1, 4]);
});

test("reading alone changes nothing: another process may be writing", () => {
  const { path, text } = logOf(runStarted());
  appendFileSync(path, '{"sequence":1');
  expect(readRunLog(path, "run-1").tornBytes).toBe(13);
  expect(readFileSync(path, "utf8")).toBe(`${text}{"sequence":1`);
});

test.each([
  ["damage in the middle", (lines: string[]) => [lines[0], "####", lines[2]], /log\.jsonl, line 2: is not JSON, and lines follow it/],
  ["a missing line", (lines: string[]) => [lines[0], lines[2]], /log\.jsonl, line 2: expected the event with sequence 1/],
  ["a line of another run", (lines: string[]) => [lines[0], lines[1]?.replace("run-1", "run-2")], /line 2: belongs to the run "run-2"/],
  ["a line that is no event", (lines: string[]) => [lines[0], "7"], /line 2: is not an event/],
])("%s is an error that names file and line", (_, change, message) => {
  const { path, text } = logOf(runStarted(), note("one"), note("two"));
  writeFileSync(path, `${change(text.trimEnd().split("\n")).join("\n")}\n`);
  expect(() => openRunLog(path, "run-1")).toThrow(message);
});

test("row 58: a newer format is refused with what to do, and left as it is", () => {
  const { path, text } = logOf(runStarted());
  const newer = `${text.replace('"formatVersion":1', '"formatVersion":2')}{"torn`;
  writeFileSync(path, newer);
  expect(() => openRunLog(path, "run-1")).toThrow(/format version 2, this Forge reads version 1.*update Forge/);
  expect(readFileSync(path, "utf8")).toBe(newer);
});

test("a closed log takes nothing more, and an absent one is named", () => {
  const log = createRunLog(logPath(), "run-1");
  log.close();
  log.close();
  expect(() => log.append(note("late"))).toThrow("is closed");
  expect(() => readRunLog("/nonexistent/log.jsonl", "run-1")).toThrow("/nonexistent/log.jsonl cannot be read");
});

test("two writers without the run's lock overwrite each other: what the lock is for", () => {
  const { path } = logOf(runStarted());
  const [one, other] = [openRunLog(path, "run-1").log, openRunLog(path, "run-1").log];
  one.append(note("acknowledged by one"));
  other.append(note("acknowledged by the other"));
  for (const log of [one, other]) log.close();
  expect(readRunLog(path, "run-1").events.slice(1)).toMatchObject([{ text: "acknowledged by the other" }]);
});
