import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import Database from "libsql";
import { expect, test } from "vitest";
import { logName, openRunIndex } from "../../../harness/store/run-index.js";
import { createRunLog, openRunLog } from "../../../harness/store/run-log.js";
import { summarizeRun } from "../../../harness/store/summarize-run.js";
import type { EventBody, RunEnd } from "../../../specs/contracts/event.js";
import type { Outcome } from "../../../specs/contracts/verdict.js";
import { runStarted, sampleGoal, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

const outcome = fc.constantFrom<Outcome>("failed", "passed", "surpassed", "errored");
const body: fc.Arbitrary<EventBody> = fc.oneof(
  fc.record({ type: fc.constant("agent-noted" as const), text: fc.string() }),
  fc.record({ type: fc.constant("run-resumed" as const), attemptsSoFar: fc.nat(9), truncatedBytes: fc.nat(9) }),
  fc
    .record({ attempt: fc.nat(9), summary: fc.string() })
    .map((some) => ({ type: "attempt-submitted" as const, commit: "c", tree: "t", ...some })),
  outcome.map((value) => ({ type: "attempt-judged" as const, attempt: 1, verdict: sampleVerdict(value), bestRatio: null })),
  fc
    .record({ outcome, ratio: fc.option(fc.double({ min: 0, noNaN: true })) })
    .map((some) => ({ type: "framework-accepted" as const, attempt: 1, directory: "generated", ...some })),
  fc
    .constantFrom<RunEnd>("surpassed", "passed", "nothing-passed", "budget-spent", "interrupted", "errored")
    .map((end) => ({ type: "run-finished" as const, end, attempts: 1, elapsedMs: 5, message: "" })),
);

/** What may happen between two looks at the index. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("append" as const), run: fc.nat(2), body }) },
  // Killed after the event was synced and before the index knew of it.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("append-and-die" as const), run: fc.nat(2), body }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("tear" as const), run: fc.nat(2), bytes: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const), run: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), run: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("look" as const) }) },
);

test("whatever is appended, torn, deleted or killed, the index says what one rebuilt from the logs says", () => {
  const parent = temporaryFolder();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const folder = mkdtempSync(join(parent, "runs-"));
      let index = openRunIndex(folder);
      const append = (run: string, event: EventBody, dies: boolean) => {
        const path = join(folder, run, logName);
        mkdirSync(join(folder, run), { recursive: true });
        const log = appendable(path, run);
        log.append(log.events().length === 0 ? runStarted({ ...sampleGoal, spec: run }) : event);
        if (dies) index = openRunIndex(folder);
        else index.record(log.events());
        log.close();
      };
      for (const one of steps) {
        if (one.kind === "look") index.runs();
        else {
          const run = `run-${one.run}`;
          if (one.kind === "append" || one.kind === "append-and-die") append(run, one.body, one.kind === "append-and-die");
          else if (one.kind === "tear") tear(join(folder, run, logName), one.bytes);
          else if (one.kind === "reopen") append(run, { type: "agent-noted", text: "" }, false);
          else rmSync(join(folder, run), { recursive: true, force: true });
        }
      }
      const kept = index.runs();
      const rebuilt = openRunIndex(folder);
      rebuilt.rebuild();
      expect(kept).toEqual(rebuilt.runs());
      for (const { summary } of kept) {
        const { log } = openRunLog(join(folder, summary.run, logName), summary.run);
        expect(summary).toEqual(summarizeRun(log.events()));
        log.close();
      }
    }),
    { numRuns: 40 },
  );
});

function appendable(path: string, run: string) {
  try {
    return openRunLog(path, run).log;
  } catch {
    return createRunLog(path, run);
  }
}

function tear(path: string, bytes: number): void {
  if (existsSync(path)) appendFileSync(path, "{".repeat(bytes));
}

function folderWithOneRun(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "run-1"));
  const log = createRunLog(join(folder, "run-1", logName), "run-1");
  log.append(runStarted());
  openRunIndex(folder).record(log.events());
  log.close();
  return folder;
}

test.each<[string, (path: string) => void]>([
  ["garbage", (path) => writeFileSync(path, "this is no database, and long enough to be looked at as one".repeat(200))],
  ["damage in its pages", (path) => overwriteRows(path)],
  ["another table under the name", (path) => replaceTable(path)],
  ["a version to come", (path) => void new Database(path).pragma("user_version = 99")],
  ["nothing", (path) => rmSync(path)],
])("row 59: an index that holds %s is rebuilt from the logs", (_, damage) => {
  const folder = folderWithOneRun();
  const path = join(folder, "index.sqlite");
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  openRunIndex(folder).rebuild();
  new Database(path).pragma("wal_checkpoint(TRUNCATE)");
  damage(path);
  expect(openRunIndex(folder).runs()).toMatchObject([{ summary: { run: "run-1", spec: "rmsnorm" } }]);
  const database = new Database(path, { readonly: true });
  expect(database.prepare("SELECT run FROM runs").all()).toEqual([{ run: "run-1" }]);
});

test("another log under the same name, as long as the one before, is read anew", () => {
  const folder = folderWithOneRun();
  const path = join(folder, "run-1", logName);
  expect(openRunIndex(folder).runs()).toMatchObject([{ summary: { spec: "rmsnorm" } }]);
  writeFileSync(path, readFileSync(path, "utf8").replace('"spec":"rmsnorm"', '"spec":"gmsnorm"'));
  expect(openRunIndex(folder).runs()).toMatchObject([{ summary: { spec: "gmsnorm" } }]);
});

test("damage done while it is open is noticed and repaired too", () => {
  const folder = folderWithOneRun();
  const index = openRunIndex(folder);
  expect(index.runs()).toHaveLength(1);
  const path = join(folder, "index.sqlite");
  replaceTable(path);
  expect(index.runs()).toMatchObject([{ summary: { run: "run-1" } }]);
});

test("where no index can be made, runs are listed from the logs", () => {
  const folder = folderWithOneRun();
  const path = join(folder, "index.sqlite");
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  mkdirSync(path);
  expect(openRunIndex(folder).runs()).toMatchObject([{ summary: { run: "run-1" } }]);
});

/** The second page, which holds the rows; the header stays good. */
function overwriteRows(path: string): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, 4096);
  closeSync(descriptor);
}

function replaceTable(path: string): void {
  const database = new Database(path);
  database.exec("DROP TABLE runs; CREATE TABLE runs (other TEXT)");
  database.close();
}
