import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRunStore } from "../../../harness/store/run-store.js";
import { StoreError } from "../../../specs/contracts/store.js";
import { runStarted, sampleCandidate, sampleGoal, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

test("a run is created, written, closed, listed and opened again", async () => {
  const folder = temporaryFolder();
  const store = openRunStore(folder);
  const run = await store.create(sampleGoal);
  expect(run.id).toMatch(/^rmsnorm-f32-x86-64-\d{8}-\d{6}-[0-9a-f]{4}$/);
  run.append(runStarted());
  const { commit, tree } = await run.commit(sampleCandidate(), "first");
  run.append({ type: "attempt-submitted", attempt: 1, commit, tree, summary: "first" });
  run.append({ type: "attempt-judged", attempt: 1, verdict: sampleVerdict("surpassed"), bestRatio: 1.83 });
  run.append({ type: "framework-accepted", attempt: 1, outcome: "surpassed", directory: "generated", ratio: 1.83 });
  run.close();
  expect(store.list()).toMatchObject([{ run: run.id, attempts: 1, bestOutcome: "surpassed", bestRatio: 1.83, end: null }]);
  expect(store.eventsOf(run.id)).toEqual(run.events());
  const again = await openRunStore(folder).open(run.id);
  expect(again.truncatedBytes).toBe(0);
  expect(await again.run.read(commit)).toEqual(sampleCandidate());
  expect(again.run.append({ type: "run-resumed", attemptsSoFar: 1, truncatedBytes: 0 }).sequence).toBe(4);
  again.run.close();
});

test("the newest unfinished run of the same goal is found; finished ones and those of another exam are not", async () => {
  const store = openRunStore(temporaryFolder());
  const finished = await store.create(sampleGoal);
  finished.append(runStarted());
  finished.append({ type: "run-finished", end: "surpassed", attempts: 1, elapsedMs: 1, message: "" });
  expect(store.newestUnfinished(sampleGoal)).toBeNull();
  const stopped = await store.create(sampleGoal);
  stopped.append(runStarted());
  stopped.append({ type: "run-finished", end: "interrupted", attempts: 1, elapsedMs: 1, message: "Ctrl-C" });
  expect(store.newestUnfinished({ ...sampleGoal, budget: { attempts: 99, minutes: 9 } })).toBe(stopped.id);
  for (const other of [{ specHash: "b".repeat(64) }, { variant: "bf16" }, { target: "wasm-simd" }, { agent: "replay" }, { threads: 1 }]) {
    expect(store.newestUnfinished({ ...sampleGoal, ...other })).toBeNull();
  }
  stopped.append({ type: "run-resumed", attemptsSoFar: 1, truncatedBytes: 0 });
  expect(store.newestUnfinished(sampleGoal)).toBe(stopped.id);
  for (const run of [finished, stopped]) run.close();
});

test("row 59: a damaged index costs nothing: it is rebuilt from the logs", async () => {
  const folder = temporaryFolder();
  const run = await openRunStore(folder).create(sampleGoal);
  run.append(runStarted());
  run.close();
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith("index.sqlite")))
    writeFileSync(join(folder, name), "garbage".repeat(999));
  expect(openRunStore(folder).list()).toMatchObject([{ run: run.id }]);
  expect(openRunStore(folder).rebuildIndex()).toBe(1);
});

test.each(["no-such-run", "../outside", "", "/etc", "a\0b"])("the run %j is refused by name", async (name) => {
  const store = openRunStore(temporaryFolder());
  await expect(store.open(name)).rejects.toThrow(StoreError);
  expect(() => store.eventsOf(name)).toThrow("there is no run");
});

test("a candidate with a bad name leaves the workspace and the log as they were", async () => {
  const store = openRunStore(temporaryFolder());
  const run = await store.create(sampleGoal);
  run.append(runStarted());
  const bad = { ...sampleCandidate(), files: { ...sampleCandidate().files, "../escape.c": "" } };
  await expect(run.commit(bad, "bad")).rejects.toThrow("leads out of the candidate's folder");
  expect(run.events()).toHaveLength(1);
  run.close();
});
