import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDirectory } from "../../harness/cache-directory.js";
import { readCandidateFolder, writeCandidateFolder } from "../../harness/candidate-folder.js";
import { withDevice } from "../../harness/device-lock.js";
import { ExamRoom } from "../../harness/exam-room.js";
import { createSandbox } from "../../harness/sandbox/create-sandbox.js";
import { createTarget, hostTargetName } from "../../harness/targets.js";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { CheckResult, Evidence, Verdict } from "../../specs/contracts/verdict.js";
import { judgeTestBuild, type TestBuildVerdict } from "../../verifiers/judge.js";
import type { Law } from "../../verifiers/laws.js";
import { freshSeed } from "../../verifiers/numerics/random.js";
import { Stopwatch } from "../../verifiers/stopwatch.js";

const attempts = 3;
const silent = { started: () => {}, finished: () => {} };

/** Somebody else's minute of work is nobody's fault: judged again. */
async function untilQuiet<Judged extends { checks: CheckResult[] }>(judge: () => Promise<Judged>): Promise<Judged> {
  for (let attempt = 1; ; attempt++) {
    const judged = await judge();
    const isBusy = judged.checks.some((check) => check.status === "errored" && check.reason.startsWith("machine busy"));
    if (!isBusy || attempt === attempts) return judged;
  }
}

interface Exam {
  loaded: LoadedSpec;
  variant: string;
  target: string;
  threads: number;
}

/** Most cheaters of a spec sit the same exam, whose references and baseline need not be made for each. */
const rooms = new Map<string, Promise<ExamRoom>>();

function roomOf({ loaded, ...rest }: Exam): Promise<ExamRoom> {
  const key = JSON.stringify([loaded.spec, rest]);
  const room = rooms.get(key) ?? ExamRoom.open({ loaded, ...rest, unsafe: false, signal: new AbortController().signal });
  rooms.set(key, room);
  return room;
}

/** For whoever has judged all that there was to judge. */
export async function closeRooms(): Promise<void> {
  for (const room of rooms.values()) await (await room).close();
  rooms.clear();
}

/** As `forge check` judges a folder: from its files on disk. */
export async function judgeByEveryLaw(candidate: Candidate, exam: Exam, quick = false): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "forge-cheater-"));
  try {
    writeCandidateFolder(folder, candidate);
    const room = await roomOf(exam);
    return await untilQuiet(() => room.judge(readCandidateFolder(folder), quick, silent));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same judge with one law suspended. */
export async function judgeWithout(law: Law, room: ExamRoom, candidate: Candidate): Promise<TestBuildVerdict> {
  const host = createTarget(hostTargetName, { sandbox: createSandbox({ unsafe: false }), cacheDirectory: cacheDirectory() });
  const { signal } = new AbortController();
  const { loaded, variant, target, machine, threads, entries, support } = room;
  return untilQuiet(() =>
    withDevice(cacheDirectory(), signal, () =>
      judgeTestBuild(
        {
          ...{ loaded, variant, target, host, machine, threads, entries, support, candidate, signal },
          quick: false,
          seeds: { hidden: freshSeed(), timed: freshSeed(), confirmation: freshSeed() },
          stopwatch: new Stopwatch(),
          bench: () => room.bench(),
          baseline: () => room.baseline(),
          artifact: null,
          duelLimitMs: 120_000,
        },
        law,
        silent,
      ),
    ),
  );
}

/** The check that failed, and its first piece of evidence. */
export function failureOf(checks: CheckResult[]): { check: CheckResult["check"]; evidence: Evidence } | null {
  const failed = checks.find((result) => result.status === "failed");
  return failed?.status === "failed" ? { check: failed.check, evidence: failed.evidence[0]! } : null;
}

/** The first check that neither passed nor was skipped because of what passed; null where none. */
export function objectionOf(checks: CheckResult[]): string | null {
  const objecting = checks.find((result) => result.status === "failed" || result.status === "errored");
  return objecting ? `${objecting.check} ${objecting.status}: ${objecting.summary}` : null;
}

/** How much faster than the baseline the entry was found to be, at the last time that it was timed. */
export function ratioOf(checks: CheckResult[], entry: string): number | null {
  const timed = checks.findLast((result) => "figures" in result && result.figures !== undefined);
  const figures = timed && "figures" in timed ? (timed.figures ?? []) : [];
  return figures.find((figure) => figure.entry === entry)?.ratio ?? null;
}
