import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TrainingLog } from "../../../harness/train/training-log.js";
import { temporaryFolder } from "../temporary-folder.js";

const line = (step: number, loss: number) => `${JSON.stringify({ step, loss, filling: "x".repeat(100) })}\n`;

it("follows a log that grows, in whole lines, and notices one that was cut and written on from there", () => {
  const path = join(temporaryFolder(), "log.jsonl");
  const log = new TrainingLog(path);
  const losses = () => log.read().map(({ loss }) => loss);
  expect(losses()).toEqual([]);
  writeFileSync(path, line(1, 9) + line(2, 8) + line(3, 7).slice(0, 20));
  expect(losses()).toEqual([9, 8]);
  appendFileSync(path, line(3, 7).slice(20) + line(4, 6));
  expect(losses()).toEqual([9, 8, 7, 6]);
  expect(losses()).toEqual([9, 8, 7, 6]);
  // Resumed from the checkpoint after step 2.
  writeFileSync(path, line(1, 9) + line(2, 8));
  expect(losses()).toEqual([9, 8]);
  writeFileSync(path, line(1, 9) + line(2, 8) + line(3, 5) + line(4, 4) + line(5, 3));
  expect(losses()).toEqual([9, 8, 5, 4, 3]);
  // And again between two looks, beyond where it had been.
  writeFileSync(path, line(1, 9) + line(2, 8) + line(3, 5) + line(4, 2) + line(5, 1) + line(6, 0));
  expect(losses()).toEqual([9, 8, 5, 2, 1, 0]);
  rmSync(path);
  expect(losses()).toEqual([]);
});
