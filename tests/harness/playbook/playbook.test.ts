import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { playbookPath, readLessons, writeLessons } from "../../../harness/playbook/playbook.js";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { runStarted, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

const key = { spec: "rmsnorm", target: "x86-64", cpuModel: "AMD EPYC 9R14 / Zen 4" };
const events = (
  [
    runStarted(),
    { type: "attempt-submitted", attempt: 1, commit: "c", tree: "d", summary: "plain loops" },
    { type: "attempt-judged", attempt: 1, verdict: sampleVerdict("surpassed"), bestRatio: 1.83 },
  ] as const
).map((body, sequence) => ({ ...body, sequence, at: "2026-01-01T00:00:00.000Z", run: "run-1" })) as ForgeEvent[];

test("a playbook is a file per operation and chip, written anew after each run", () => {
  const runs = temporaryFolder();
  expect(readLessons(runs, key)).toEqual([]);
  writeLessons(runs, key, events);
  writeLessons(runs, key, events);
  const path = playbookPath(runs, key);
  expect(path).toMatch(/playbook\/rmsnorm\.x86-64\.amd-epyc-9r14-zen-4\.json$/);
  expect(readdirSync(dirname(path))).toHaveLength(1);
  expect(readLessons(runs, key)).toMatchObject([{ text: "plain loops", effect: "worked", evidence: [{ run: "run-1", after: 1.83 }] }]);
  expect(readLessons(runs, { ...key, target: "wasm-simd" })).toEqual([]);
});

test("a damaged playbook is an error that names the file, the place and what to do", () => {
  const runs = temporaryFolder();
  writeLessons(runs, key, events);
  const path = playbookPath(runs, key);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.slice(0, -20));
  expect(() => readLessons(runs, key)).toThrow(`${path}: is not JSON`);
  writeFileSync(path, text.replace('"worked"', '"worked wonders"'));
  expect(() => readLessons(runs, key)).toThrow(/\/lessons\/0\/effect .*delete it/);
});
