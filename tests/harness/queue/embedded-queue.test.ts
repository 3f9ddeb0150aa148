import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EmbeddedQueue } from "../../../harness/queue/embedded-queue.js";
import { temporaryFolder } from "../temporary-folder.js";
import { queueConformance } from "./conformance.js";
import { card, never, request, Watching } from "./conformance-parts.js";

queueConformance("embedded", async () => {
  const folder = mkdtempSync(join(tmpdir(), "forge-queue-"));
  return {
    open: async () => EmbeddedQueue.open(join(folder, "queue.jsonl")),
    isShared: false,
    end: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

test("whatever byte its file ends at, it opens with all that was told", async () => {
  const path = join(temporaryFolder(), "queue.jsonl");
  const queue = EmbeddedQueue.open(path);
  const jobs = [request(), request()];
  const seat = await queue.join(card("w"));
  for (const job of jobs) {
    const end = queue.submit(job, new Watching(), never());
    await seat.complete((await seat.take(never()))!, `result of ${job.id}`);
    await end;
  }
  await queue.close();
  const bytes = readFileSync(path);
  const lineEnds = [...bytes.keys()].filter((index) => bytes[index] === 10);
  expect(lineEnds.length).toBe(6);
  for (let length = 0; length <= bytes.length; length += 7) {
    writeFileSync(path, bytes);
    truncateSync(path, length);
    const again = EmbeddedQueue.open(path);
    const whole = lineEnds.filter((end) => end < length).length;
    const { finishedJobs, jobs: open } = await again.overview();
    expect({ length, finishedJobs, open: open.length }).toEqual({
      length,
      finishedJobs: Math.floor(whole / 3),
      open: whole % 3 === 0 ? 0 : 1,
    });
    await again.close();
  }
});

test("a file that is something else is refused with what to do", () => {
  const path = join(temporaryFolder(), "queue.jsonl");
  appendFileSync(path, "not a journal\n");
  expect(() => EmbeddedQueue.open(path)).toThrow(/line 1.*remove the file/);
});
