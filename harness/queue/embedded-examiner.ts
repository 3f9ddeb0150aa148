import { hostname } from "node:os";
import { join } from "node:path";
import { type JobKey, type JobWatcher, type TakenJob, usualPriority, type WorkerSeat } from "../../specs/contracts/queue.js";
import type { Sandbox, SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { Variant } from "../../specs/contracts/spec.js";
import type { Candidate, MachineClass, Toolchain, TuningSpace } from "../../specs/contracts/target.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import type { EntryTrial, Verdict } from "../../specs/contracts/verdict.js";
import type { JudgeWatcher } from "../../verifiers/judge.js";
import { exactJson, parseExactJson } from "../exact-json.js";
import type { BaselineSummary, Examiner } from "../examiner.js";
import { packageRoot } from "../package-root.js";
import { verifierHash } from "../verifier-hash.js";
import { canonicalJson } from "./canonical-json.js";
import { EmbeddedQueue } from "./embedded-queue.js";
import { jobId, machineClassOf } from "./exam-job.js";
import { packCandidate } from "./job-parcel.js";

export interface EmbeddedExaminerOptions {
  room: Examiner;
  /** The run's: the queue's file lies there. */
  directory: string;
  run: string;
  loaded: LoadedExam;
  variant: string;
  target: string;
  signal: AbortSignal;
}

/**
 * A room of this process whose attempts stand in a queue beside the run's log: where a crash comes between a verdict and the log, the
 * verdict of minutes is there when the run goes on. What is asked without an occasion (a check, a trial) has no place in history, and
 * goes to the room at once.
 */
export class EmbeddedExaminer implements Examiner {
  private constructor(
    private readonly options: EmbeddedExaminerOptions,
    private readonly queue: EmbeddedQueue,
    private readonly seat: WorkerSeat,
  ) {}

  static async open(options: EmbeddedExaminerOptions): Promise<EmbeddedExaminer> {
    const { room, run, target } = options;
    const queue = EmbeddedQueue.open(join(options.directory, "queue.jsonl"), run);
    const { cpuModel, cores } = room.machine;
    const seat = await queue.join({ id: "this process", host: hostname(), targets: [{ target, cpuModel, cores }], routes: [target] });
    return new EmbeddedExaminer(options, queue, seat);
  }

  get variant(): Variant {
    return this.options.room.variant;
  }

  get machine(): MachineClass {
    return this.options.room.machine;
  }

  get toolchains(): Toolchain[] {
    return this.options.room.toolchains;
  }

  get protection(): SandboxProtection {
    return this.options.room.protection;
  }

  get threads(): number {
    return this.options.room.threads;
  }

  get support(): Record<string, string> {
    return this.options.room.support;
  }

  get sandbox(): Sandbox {
    return this.options.room.sandbox;
  }

  tuningSpace(): TuningSpace {
    return this.options.room.tuningSpace();
  }

  chipFacts(): Promise<string> {
    return this.options.room.chipFacts();
  }

  try(candidate: Candidate): Promise<Record<string, EntryTrial>> {
    return this.options.room.try(candidate);
  }

  profile(candidate: Candidate, entry: string, timedSize: number): Promise<string> {
    return this.options.room.profile(candidate, entry, timedSize);
  }

  baseline(): Promise<BaselineSummary> {
    return this.options.room.baseline();
  }

  /** The room stays open: it belongs to whoever opened it. */
  close(): Promise<void> {
    return this.queue.close();
  }

  async judge(candidate: Candidate, quick: boolean, watcher: JudgeWatcher, occasion?: string): Promise<Verdict> {
    const { room, run, target, signal } = this.options;
    if (occasion === undefined) return room.judge(candidate, quick, watcher);
    const key = this.keyOf(candidate, quick, occasion);
    const request = { id: jobId(key), route: target, target, run, label: occasion, priority: usualPriority, body: canonicalJson(key) };
    // Whoever waits and whoever works are one here: what breaks the work is what the waiting ends with.
    const done = new AbortController();
    const work = this.workUntilDone(request.id, () => room.judge(candidate, quick, watcher), AbortSignal.any([signal, done.signal]));
    const result = this.queue.submit(request, deaf, signal).finally(() => done.abort());
    const [outcome, worked] = await Promise.allSettled([result, work]);
    if (worked.status === "rejected") throw worked.reason;
    if (outcome.status === "rejected") throw outcome.reason;
    return parseExactJson(outcome.value.envelope) as Verdict;
  }

  private async workUntilDone(id: string, judge: () => Promise<Verdict>, signal: AbortSignal): Promise<void> {
    for (;;) {
      const job = await this.seat.take(signal);
      if (job === null) return;
      // Left by a process that was killed, and of another version: nobody waits for it.
      if (job.request.id !== id) await this.seat.fail(job, "nobody asks for it any more", false);
      else return this.workOn(job, judge);
    }
  }

  private async workOn(job: TakenJob, judge: () => Promise<Verdict>): Promise<void> {
    try {
      await this.seat.complete(job, exactJson(await judge()));
    } catch (error) {
      await this.seat.fail(job, error instanceof Error ? error.message : String(error), false);
      throw error;
    }
  }

  private keyOf(candidate: Candidate, quick: boolean, nonce: string): JobKey {
    const { room, loaded, variant, target } = this.options;
    const verifiers = verifierHash(packageRoot(), loaded.spec.format);
    return {
      ...{ specHash: loaded.hash, referenceHash: loaded.referenceHash, variant, target, threads: room.threads, nonce },
      source: packCandidate(candidate).source,
      verifierHash: verifiers,
      machineClass: machineClassOf({
        machine: room.machine,
        toolchains: room.toolchains,
        protection: room.protection,
        verifierHash: verifiers,
      }),
      task: { kind: "judge", quick },
    };
  }
}

/** Within one process events need no envelope: the judge's watcher hears them as they happen. */
const deaf: JobWatcher = { provide: async () => {}, event: () => {}, unschedulable: () => {} };
