import { availableParallelism } from "node:os";
import type { GateCheck, GatedFolder } from "../../specs/contracts/gate.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { CheckResult } from "../../specs/contracts/verdict.js";
import { candidateBytes } from "../candidate-files.js";
import type { ExamRoom } from "../exam-room.js";
import { gitTreeHash } from "../git-tree.js";
import { excused, missingExtensions, missingText } from "../missing-extensions.js";
import { openRoom } from "../open-room.js";
import { evidenceText } from "../progress/evidence-text.js";
import { TargetUnavailable, targetNames } from "../targets.js";
import type { TrainerRoom } from "../train/trainer-room.js";
import { sourceBefore } from "./base-source.js";
import { holdSpeed } from "./hold-speed.js";
import { type ReadFolder, readFolder } from "./read-folder.js";
import type { Selected, SelectedFolder } from "./select-folders.js";
import { classDifferences } from "./speed-rules.js";
import { failedSpeedText, heldSpeedText } from "./speed-text.js";

export interface FolderOptions {
  generated: string;
  before: Selected["before"];
  threads?: number;
  correctnessOnly: boolean;
  unsafe: boolean;
  /** How a user calls this program. */
  program: string;
  say: (line: string) => void;
  signal: AbortSignal;
}

type Readable = Extract<ReadFolder, { status: "readable" }>;
type Room = ExamRoom | TrainerRoom;
type Found = Pick<GatedFolder, "status" | "summary"> & Partial<GatedFolder>;

/** Judges one accepted folder; only an aborted signal throws, for what breaks on the way says nothing of the code: `errored`. */
export async function gateFolder(accepted: SelectedFolder, options: FolderOptions): Promise<GatedFolder> {
  const startedAt = performance.now();
  const { folder, spec, variant, target, selectedBy } = accepted;
  const found = await judge(accepted, options).catch((error: unknown): Found => {
    options.signal.throwIfAborted();
    if (error instanceof TargetUnavailable) return { status: "skipped", summary: error.message };
    return { status: "errored", summary: error instanceof Error ? error.message : String(error) };
  });
  const blank = { certificate: { state: "unread" as const }, checks: [], speed: [], remarks: [], renew: null, file: folder };
  const times = { judgedAt: new Date().toISOString(), durationMs: performance.now() - startedAt };
  return { ...{ folder, spec, variant, target, selectedBy }, ...blank, ...times, ...found };
}

async function judge(accepted: SelectedFolder, options: FolderOptions): Promise<Found> {
  const read = readFolder(accepted, options.generated);
  if (read.status === "unfit")
    return { status: "failed", summary: read.summary, certificate: read.finding, file: joined(accepted.folder, read.file) };
  const known = {
    certificate: read.finding,
    file: joined(accepted.folder, read.candidate.manifest.units[0]?.source ?? "forge.json"),
    remarks: read.remarks,
    renew: read.finding.state === "stale" ? renewal(accepted, read, options) : null,
  };
  if (!targetNames.includes(accepted.target))
    return { ...known, status: "skipped", summary: `this Forge knows no target ${accepted.target}; it knows ${targetNames.join(", ")}` };
  const room = await openRoom({
    loaded: read.loaded,
    variant: accepted.variant,
    target: accepted.target,
    threads: options.threads ?? Math.min(read.certificate.threads, availableParallelism()),
    unsafe: options.unsafe,
    signal: options.signal,
  }).catch((error: unknown): Found => {
    if (error instanceof TargetUnavailable) return { ...known, status: "skipped", summary: error.message };
    throw error;
  });
  if (!("judgeCorrectness" in room)) return room;
  try {
    return { ...known, ...(await sitExam(room, accepted, read, options)) };
  } finally {
    await room.close();
  }
}

async function sitExam(room: Room, accepted: SelectedFolder, read: Readable, options: FolderOptions): Promise<Found> {
  const checks: GateCheck[] = [];
  // Judged first: a certificate that names what this machine lacks excuses nothing that builds and runs here.
  const missing = missingExtensions(read.certificate, room.machine);
  let isExcused = false;
  await room.judgeCorrectness(read.candidate, {
    started: () => {},
    finished: (result) => {
      if (result.check === "speed" || result.check === "confirmation") return;
      isExcused ||= excused(result, missing) !== result;
      checks.push(gateCheck(result));
      options.say(`${accepted.folder}: ${result.check} ${result.status}: ${result.summary}`);
    },
  });
  // A stale one cannot be renewed here either.
  if (missing !== null && isExcused) return { status: "skipped", summary: missingText(missing), remarks: [], renew: null };
  const broken = checks.find(({ status }) => status === "failed" || status === "errored");
  if (broken) return { status: broken.status === "failed" ? "failed" : "errored", summary: `${broken.check}: ${broken.summary}`, checks };
  if (options.correctnessOnly) return { status: "held", summary: "right; speed was not asked for", checks };
  return { checks, ...(await sitSpeed(room, accepted, read, options, checks)) };
}

async function sitSpeed(room: Room, accepted: SelectedFolder, read: Readable, options: FolderOptions, checks: GateCheck[]): Promise<Found> {
  const startedAt = performance.now();
  const { certificate, candidate, finding } = read;
  const remarks = [...read.remarks];
  const differences = classDifferences(certificate, room);
  if (differences.length > 0) remarks.push(`not held to the certified speed-up, for another machine class: ${differences.join("; ")}`);
  else if (finding.state === "stale") remarks.push("not held to the certified speed-up, which was measured by another exam");
  const base = options.before ? sourceBefore(options.before.repository, options.before.base, accepted.directory) : null;
  if (base?.status === "unusable") remarks.push(`not compared with the code of before (${base.name}): ${base.reason}`);
  const answer = await holdSpeed({
    ...{ room, candidate, certificate },
    isComparable: differences.length === 0 && finding.state === "valid",
    before: base?.status === "there" && !isSameCode(base.candidate, candidate) ? base : null,
    say: (line) => options.say(`${accepted.folder}: ${line}`),
  });
  const speed = answer.findings;
  const all = { speed, remarks: [...remarks, ...answer.remarks] };
  if (answer.status === "errored") return { ...all, status: "errored", summary: `speed: ${answer.reason}` };
  if (answer.status === "failed") {
    const evidence = answer.evidence.map(evidenceText);
    const check: GateCheck = {
      check: "speed",
      status: "failed",
      summary: answer.summary,
      evidence,
      durationMs: performance.now() - startedAt,
    };
    return { ...all, status: "failed", summary: `speed: ${answer.summary}`, checks: [...checks, check] };
  }
  const fell = speed.find(({ outcome }) => outcome === "fell");
  return fell ? { ...all, status: "failed", summary: failedSpeedText(fell) } : { ...all, status: "held", summary: heldSpeedText(speed) };
}

function isSameCode(one: Candidate, other: Candidate): boolean {
  return gitTreeHash(candidateBytes(one)) === gitTreeHash(candidateBytes(other));
}

function gateCheck(result: CheckResult): GateCheck {
  const { check, durationMs } = result;
  if (result.status === "passed") return { check, status: "passed", summary: result.summary, evidence: result.warnings ?? [], durationMs };
  if (result.status === "failed")
    return { check, status: "failed", summary: result.summary, evidence: result.evidence.map(evidenceText), durationMs };
  return { check, status: result.status === "skipped" ? "skipped" : "errored", summary: result.reason, evidence: [], durationMs };
}

function renewal({ folder, variant, target }: SelectedFolder, { loaded }: Readable, { program }: FolderOptions): string {
  return `${program} goal ${shownPath(loaded.path)} --variant ${variant} --target ${target} --from ${folder}`;
}

function shownPath(path: string): string {
  const here = `${process.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

const joined = (folder: string, file: string): string => (file === "" ? folder : `${folder}/${file}`);
