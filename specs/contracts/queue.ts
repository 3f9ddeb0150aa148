import type { QueueOverview, WorkerOverview } from "./queue-overview.js";
import type { CheckName, CheckResult } from "./verdict.js";

/** What can be asked of whoever examines candidates. */
export type ExamTask =
  | { kind: "describe" }
  | { kind: "judge"; quick: boolean }
  | { kind: "speed" }
  | { kind: "try" }
  | { kind: "profile"; entry: string; timedSize: number }
  | { kind: "baseline" };

/** What a job is the same by: two jobs with one key are one job, whose result is given to both. Files are named by the hash of their content. */
export interface JobKey {
  specHash: string;
  /** Covers the header that references include. */
  referenceHash: string;
  variant: string;
  target: string;
  threads: number | null;
  /** Of the candidate, forge.json among them; null where the task has none. */
  source: Record<string, string> | null;
  verifierHash: string;
  /** Chip, toolchains and sandbox, as one hash; null where any machine of the target will do. */
  machineClass: string | null;
  task: ExamTask;
  /** Tells jobs apart that are to be done twice. */
  nonce: string;
}

/** A job as it travels, signed as a whole. */
export interface JobBody {
  key: JobKey;
  /** Longest wall time of one duel, where it is not the usual one. */
  duelLimitMs: number | null;
  /** The spec's file and its reference: paths below their common folder, and hashes of the content. */
  spec: { path: string; hash: string };
  reference: { path: string; hash: string };
  label: string;
}

export type ExamEvent = { type: "check-started"; check: CheckName } | { type: "check-finished"; result: CheckResult };

/** What a queue knows of a job: where it may go, whose it is, and an envelope that it cannot open. */
export interface JobRequest {
  /** Hash over the key. */
  id: string;
  /** Only workers that serve this route take it: a target, with what else the worker must have. */
  route: string;
  target: string;
  /** Whose jobs take turns with those of others. */
  run: string;
  label: string;
  /** 0 to 9, 9 first. Among equals, runs take turns. */
  priority: number;
  body: string;
}

export const usualPriority = 5;
/** A job that was begun so often and never ended is not begun again: it may be what ends its workers. */
export const maximumTries = 8;
/** Nor one of which workers said so often that they could not do it. */
export const maximumFailures = 3;

export interface JobWatcher {
  /** Called before the job is put in, first and again where it was lost or a worker misses something: what it needs (its blobs) must be there then. */
  provide(): Promise<void>;
  /** An event in a worker's envelope, in order; a second try of the job begins anew. */
  event(envelope: string, token: string): void;
  /** Why nobody can take the job now; null once somebody can. */
  unschedulable(reason: string | null): void;
}

export interface JobResult {
  envelope: string;
  /** Of the try that ended first: all others were fenced off. */
  token: string;
}

export interface TakenJob {
  request: JobRequest;
  /** Proves that the job is still this worker's; every try has another one. */
  token: string;
  /** This one counted. */
  tries: number;
  /** Aborted when the job is cancelled or has gone to somebody else; its reason is a `JobEnded`. */
  signal: AbortSignal;
}

export interface WorkerCard {
  id: string;
  host: string;
  targets: WorkerOverview["targets"];
  routes: string[];
}

/** A worker's place at the queue. Jobs that it has taken stay its own as long as its process is at work. */
export interface WorkerSeat {
  /** The next job of its routes; null where the signal ended the waiting. */
  take(signal: AbortSignal): Promise<TakenJob | null>;
  tell(job: TakenJob, envelope: string): Promise<void>;
  /** Something that the job names is not there: whoever waits for the job is asked to provide it again. */
  miss(job: TakenJob): Promise<void>;
  /** False where the job was no longer this worker's: the result counts for nothing. */
  complete(job: TakenJob, envelope: string): Promise<boolean>;
  /** `again`: another try may succeed. False as in `complete`. */
  fail(job: TakenJob, reason: string, again: boolean): Promise<boolean>;
  /** Unfinished, and no fault of the job: the try does not count. */
  giveBack(job: TakenJob): Promise<void>;
  /** Gives back whatever it holds. */
  leave(): Promise<void>;
}

/** Jobs reach a worker at least once; one result of each counts. */
export interface Queue {
  /**
   * Resolves with the job's only result, at once where there is one already. A job that was lost on the way (an emptied Redis) is put in
   * again. The signal cancels the job. Throws JobFailed, JobEnded, QueueUnavailable.
   */
  submit(request: JobRequest, watcher: JobWatcher, signal: AbortSignal): Promise<JobResult>;
  /** Of a waiting job, or of one that runs: its worker ends it. Nothing happens where there is none. */
  cancel(id: string): Promise<void>;
  /** Of a job that has ended: its result is not to be given to anybody who asks later. */
  forget(id: string): Promise<void>;
  join(card: WorkerCard): Promise<WorkerSeat>;
  overview(): Promise<QueueOverview>;
  close(): Promise<void>;
}

/** Contents by their SHA-256, in hex. */
export interface BlobStore {
  put(content: Buffer): Promise<string>;
  /** Null where it is not there. Whoever reads it holds it against its hash. */
  get(hash: string): Promise<Buffer | null>;
}

/** The job itself cannot be done: it failed for good, with a worker's reason. */
export class JobFailed extends Error {
  override name = "JobFailed";
}

/** Somebody cancelled the job, or it went to another worker. */
export class JobEnded extends Error {
  override name = "JobEnded";

  constructor(readonly why: "cancelled" | "lost") {
    super(why === "cancelled" ? "the job was cancelled" : "the job went to another worker");
  }
}

/** The queue cannot be reached or used; the message says what to do. */
export class QueueUnavailable extends Error {
  override name = "QueueUnavailable";
}

/** Something in the queue was not written by who should have written it. */
export class ForgedMessage extends Error {
  override name = "ForgedMessage";
}
