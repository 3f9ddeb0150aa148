import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventsIn, folderState, indexIsEqual, leftovers, lostLines, miscounted } from "../../../harness/bench/crash-points/invariants.js";
import { makeProject, type Project } from "../../../harness/bench/crash-points/project.js";
import { openRunStore } from "../../../harness/store/run-store.js";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { runStarted, sampleGoal, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

/** A run of one judged attempt, ended in peace; returns what it told, line by line. */
async function endedRun(project: Project): Promise<string[]> {
  const run = await openRunStore(project.runs).create(sampleGoal);
  run.append(runStarted());
  run.append({ type: "attempt-submitted", attempt: 1, commit: "c", tree: "t", summary: "one" });
  run.append({ type: "attempt-judged", attempt: 1, verdict: sampleVerdict("failed"), bestRatio: null });
  run.append({ type: "run-finished", end: "nothing-passed", attempts: 1, elapsedMs: 5, message: "" });
  const told = run.events().map((event) => JSON.stringify(event));
  run.close();
  return told;
}

test("a run that ended in peace is found sound", async () => {
  const project = makeProject(temporaryFolder(), "right");
  const told = await endedRun(project);
  expect(lostLines(project, told)).toEqual([]);
  expect(miscounted(eventsIn(project))).toEqual([]);
  expect(indexIsEqual(project)).toBe(true);
  expect(leftovers(project, [process.pid])).toEqual([]);
  expect(folderState(project, null)).toBe("absent");
});

test("a told event that the log holds in other words, or not at all, is lost", async () => {
  const project = makeProject(temporaryFolder(), "right");
  const told = await endedRun(project);
  const changed = told[1]!.replace("one", "two");
  const beyond = JSON.stringify({ ...(JSON.parse(told[3]!) as ForgeEvent), sequence: 4 });
  expect(lostLines(project, [...told, changed, beyond])).toEqual([changed, beyond]);
});

test("an attempt that is missing, judged twice, accepted twice or miscounted at the end is told of", async () => {
  const project = makeProject(temporaryFolder(), "right");
  await endedRun(project);
  const events = eventsIn(project);
  const [started, submitted, judged, finished] = events as [ForgeEvent, ForgeEvent, ForgeEvent, ForgeEvent];
  const accepted = { ...judged, type: "framework-accepted", outcome: "passed", directory: "generated", ratio: 1 } as ForgeEvent;
  expect(miscounted([started, submitted, judged, judged, finished])).toEqual([
    "submitted were 1, judged 1, 1",
    "run-finished counts 1 attempts of 2",
  ]);
  expect(miscounted([started, { ...submitted, attempt: 2 } as ForgeEvent, { ...judged, attempt: 2 } as ForgeEvent, finished])).toEqual([
    "attempts are numbered 2",
  ]);
  expect(miscounted([started, submitted, judged, accepted, accepted, finished])).toEqual(["accepted were 1, 1"]);
  expect(miscounted([started, submitted, judged])).toEqual(["the last event is attempt-judged"]);
});

test("an index that is behind, a mixture of folders and whatever is left behind are seen", async () => {
  const project = makeProject(temporaryFolder(), "right");
  const told = await endedRun(project);
  const { run, sequence } = JSON.parse(told.at(-1)!) as ForgeEvent;
  const late = { sequence: sequence + 1, at: new Date().toISOString(), run, type: "agent-noted", text: "unseen by the index" };
  appendFileSync(join(project.runs, run, "log.jsonl"), `${JSON.stringify(late)}\n`);
  expect(indexIsEqual(project)).toBe(false);
  mkdirSync(project.accepted, { recursive: true });
  writeFileSync(join(project.accepted, "certificate.json"), "{");
  expect(folderState(project, null)).toBe("broken");
  mkdirSync(`${project.accepted}.left`);
  writeFileSync(join(project.temporary, "forge-source-left"), "");
  expect(leftovers(project, [])).toEqual([join(project.temporary, "forge-source-left"), `${project.accepted}.left`]);
});
