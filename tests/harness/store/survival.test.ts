import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRunStore } from "../../../harness/store/run-store.js";
import { StoreError } from "../../../specs/contracts/store.js";
import { runStarted, sampleCandidate, sampleGoal } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";
import { startChild, untilEnd } from "./child.js";

async function emptyRun(folder: string): Promise<string> {
  const run = await openRunStore(folder).create(sampleGoal);
  run.append(runStarted());
  run.close();
  return run.id;
}

test("a plain stream, killed, has lost what it said was written", async () => {
  const log = join(temporaryFolder(), "log");
  const script = `const fs = require("node:fs"); const stream = fs.createWriteStream(process.argv[1]);
    for (let i = 0; i < 100; i++) { stream.write(i + "\\n"); fs.writeSync(1, i + "\\n"); } process.kill(process.pid, "SIGKILL");`;
  const ended = await untilEnd(spawn(process.execPath, ["-e", script, log], { stdio: ["ignore", "pipe", "pipe"] }));
  expect(ended.lines).toHaveLength(100);
  expect(existsSync(log) ? readFileSync(log, "utf8") : "").toBe("");
});

test("row 54: killed by SIGKILL twenty times at random moments, a run keeps every acknowledged event and attempt", async () => {
  const folder = temporaryFolder();
  const id = await emptyRun(folder);
  let acknowledged = 0;
  for (let round = 0; round < 20; round += 1) {
    const child = startChild("writing-program.ts", [folder, id]);
    let isArmed = false;
    const ended = await untilEnd(child, () => {
      if (!isArmed) setTimeout(() => child.kill("SIGKILL"), Math.random() * 400);
      isArmed = true;
    });
    expect(ended.errors).toBe("");
    expect(ended.signal).toBe("SIGKILL");
    const last = Number(ended.lines.filter((line) => line !== "").at(-1));
    expect(last).toBeGreaterThan(acknowledged);
    acknowledged = last;
    expect(openRunStore(folder).eventsOf(id).length).toBeGreaterThan(acknowledged);
  }
  const { run } = await openRunStore(folder).open(id);
  const attempts = run.events().filter((event) => event.type === "attempt-submitted");
  expect(attempts.length).toBeGreaterThan(0);
  for (const { commit, sequence } of attempts) {
    expect(await run.read(commit)).toEqual(sampleCandidate(`int round${sequence - 1};\n`));
  }
  run.close();
});

test("row 55: a torn last line is cut off, reported, and the run goes on", async () => {
  const folder = temporaryFolder();
  const id = await emptyRun(folder);
  const log = join(folder, id, "log.jsonl");
  appendFileSync(log, '{"sequence":1,"at":"2026');
  const { run, truncatedBytes } = await openRunStore(folder).open(id);
  expect(truncatedBytes).toBe(24);
  run.append({ type: "run-resumed", attemptsSoFar: 0, truncatedBytes });
  run.close();
  expect(
    readFileSync(log, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).type),
  ).toEqual(["run-started", "run-resumed"]);
});

test("row 57: two processes on one run: the second is refused and told who holds it; a killed holder's lock is free at once", async () => {
  const folder = temporaryFolder();
  const id = await emptyRun(folder);
  const child = startChild("holding-program.ts", [folder, id]);
  await new Promise<void>((resolve) => child.stdout!.once("data", () => resolve()));
  const refused = openRunStore(folder).open(id);
  await expect(refused).rejects.toThrow(StoreError);
  await expect(refused).rejects.toThrow(new RegExp(`run ${id} is in use by process ${child.pid} since 20`));
  expect(openRunStore(folder).eventsOf(id)).toHaveLength(1);
  child.kill("SIGKILL");
  await untilEnd(child);
  const { run } = await openRunStore(folder).open(id);
  await expect(openRunStore(folder).open(id)).rejects.toThrow(`in use by process ${process.pid}`);
  run.close();
  (await openRunStore(folder).open(id)).run.close();
});

/** A file system of four megabytes over `folder`, in a mount namespace of its own: a real ENOSPC without being root. */
function onSmallDisk(folder: string): string[] {
  return ["bwrap", "--dev-bind", "/", "/", "--size", "4194304", "--tmpfs", folder];
}

test("plainly appending to a full disk leaves half a line behind", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "disk"));
  const script = `const fs = require("node:fs"); const file = process.argv[1] + "/log";
    try { for (let i = 0; i < 500; i++) fs.appendFileSync(file, "x".repeat(49999) + "\\n"); } catch (error) { console.log(error.code, fs.statSync(file).size % 50000); }`;
  const command = [...onSmallDisk(join(folder, "disk")), process.execPath, "-e", script, join(folder, "disk")];
  const [code, rest] = execFileSync(command[0]!, command.slice(1)).toString().trim().split(" ");
  expect(code).toBe("ENOSPC");
  expect(Number(rest)).toBeGreaterThan(0);
});

test("row 56: a full disk stops a run with a clear error, nothing half-written counts, and it goes on once there is space", async () => {
  const disk = join(temporaryFolder(), "disk");
  mkdirSync(disk);
  const ended = await untilEnd(startChild("filling-program.ts", [disk], onSmallDisk(disk)));
  expect(ended.errors).toBe("");
  const [append, commit, whileFull, sameProcess, resumed] = ended.lines.map((line) => JSON.parse(line));
  expect(append).toMatchObject({ kind: "append-refused", name: "DiskFull" });
  expect(append.text).toMatch(/^disk full: .*log\.jsonl could not be written \(ENOSPC\).*continue with --resume rmsnorm-f32-x86-64-/);
  expect(commit).toMatchObject({ kind: "commit-refused", name: "DiskFull" });
  expect(commit.text).toMatch(/^disk full: .*workspace/);
  expect(whileFull).toEqual({ kind: "while-full", events: append.acknowledged + 1, listed: 1 });
  expect(sameProcess.sequence).toBe(append.acknowledged + 1);
  expect(resumed).toEqual({ kind: "resumed", truncatedBytes: 0, sequence: append.acknowledged + 2, first: true, after: true });
});
