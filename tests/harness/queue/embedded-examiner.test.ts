import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ExamRoom } from "../../../harness/exam-room.js";
import type { Examiner } from "../../../harness/examiner.js";
import { EmbeddedExaminer } from "../../../harness/queue/embedded-examiner.js";
import { honestBody, rmsnormCandidate, smallRmsnorm } from "../../small-spec.js";
import { temporaryFolder } from "../temporary-folder.js";

test("a verdict that came between two crashes is there when the run goes on; without it the attempt is judged", {
  timeout: 120_000,
}, async () => {
  const loaded = smallRmsnorm();
  const directory = temporaryFolder();
  const { signal } = new AbortController();
  const shared = { loaded, variant: "f32", target: "x86-64", signal };
  const room = await ExamRoom.open({ ...shared, threads: 1, unsafe: false });
  const open = (): Promise<Examiner> => EmbeddedExaminer.open({ ...shared, room, directory, run: "a-run" });
  const candidate = rmsnormCandidate(honestBody);
  try {
    let heard: string[] = [];
    const watcher = { started: (check: string) => heard.push(check), finished: () => {} };
    const first = await open();
    const verdict = await first.judge(candidate, true, watcher, "attempt 1 of a-run");
    expect(verdict.outcome).toBe("passed");
    expect(heard).toEqual(["rules", "build", "memory", "align", "determinism", "speed", "confirmation"]);
    await first.close();

    heard = [];
    const again = await open();
    expect(await again.judge(candidate, true, watcher, "attempt 1 of a-run")).toEqual(verdict);
    expect(heard).toEqual([]);
    // Another attempt with the same code is another question, and gets other hidden cases.
    expect((await again.judge(candidate, true, watcher, "attempt 2 of a-run")).seeds.hidden).not.toBe(verdict.seeds.hidden);
    await again.close();

    // Killed while it was judged: the file ends after the job was begun, in the middle of a line.
    const path = join(directory, "queue.jsonl");
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${lines.slice(0, 2).join("\n")}\n`);
    appendFileSync(path, lines[2]!.slice(0, 40));
    heard = [];
    const later = await open();
    const anew = await later.judge(candidate, true, watcher, "attempt 1 of a-run");
    expect(anew.outcome).toBe("passed");
    expect(anew.seeds.hidden).not.toBe(verdict.seeds.hidden);
    expect(heard).toHaveLength(7);
    await later.close();
  } finally {
    await room.close();
  }
});

test("what breaks in the room reaches whoever asked as it is, and can be asked again", { timeout: 120_000 }, async () => {
  const loaded = smallRmsnorm();
  const stop = new AbortController();
  const shared = { loaded, variant: "f32", target: "x86-64" };
  const room = await ExamRoom.open({ ...shared, threads: 1, unsafe: false, signal: stop.signal });
  const directory = temporaryFolder();
  const candidate = rmsnormCandidate(honestBody);
  try {
    const examiner = await EmbeddedExaminer.open({ ...shared, room, directory, run: "a-run", signal: stop.signal });
    const watcher = { started: (check: string) => check === "align" && stop.abort(), finished: () => {} };
    await expect(examiner.judge(candidate, true, watcher, "attempt 1 of a-run")).rejects.toThrow(/abort/i);
    await examiner.close();
  } finally {
    await room.close();
  }
  const { signal } = new AbortController();
  const next = await ExamRoom.open({ ...shared, threads: 1, unsafe: false, signal });
  try {
    const examiner = await EmbeddedExaminer.open({ ...shared, room: next, directory, run: "a-run", signal });
    expect((await examiner.judge(candidate, true, { started: () => {}, finished: () => {} }, "attempt 1 of a-run")).outcome).toBe("passed");
    await examiner.close();
  } finally {
    await next.close();
  }
});
