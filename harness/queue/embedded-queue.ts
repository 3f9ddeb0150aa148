import { randomBytes } from "node:crypto";
import {
  JobEnded,
  type JobRequest,
  type JobResult,
  type JobWatcher,
  maximumFailures,
  maximumTries,
  type Queue,
  type TakenJob,
  type WorkerCard,
  type WorkerSeat,
} from "../../specs/contracts/queue.js";
import type { JobOverview, QueueOverview } from "../../specs/contracts/queue-overview.js";
import { EmbeddedJob, type JobEnd } from "./embedded-job.js";
import { EmbeddedJournal, type JournalEntry } from "./embedded-journal.js";
import { EmbeddedSeat, type SeatKeeper } from "./embedded-seat.js";
import { triesSpent } from "./tries-spent.js";
import { turnOf } from "./turn-order.js";
import { noWorkerFor } from "./unschedulable-text.js";

/** A queue within one process, whose jobs and results outlive it in a file. Nothing else may have the file open. */
export class EmbeddedQueue implements Queue, SeatKeeper {
  private readonly jobs = new Map<string, EmbeddedJob>();
  private readonly seats = new Set<EmbeddedSeat>();
  private finishedJobs = 0;
  private failedJobs = 0;

  private constructor(private readonly journal: EmbeddedJournal) {}

  /** `run`: whose queue it is, for what is said where the disk is full. */
  static open(path: string, run: string | null = null): EmbeddedQueue {
    const { journal, entries } = EmbeddedJournal.open(path, run);
    const queue = new EmbeddedQueue(journal);
    for (const entry of entries) queue.restore(entry);
    return queue;
  }

  async submit(request: JobRequest, watcher: JobWatcher, signal: AbortSignal): Promise<JobResult> {
    signal.throwIfAborted();
    if (this.known(request.id) === null) await watcher.provide();
    // Somebody else may have put it in meanwhile.
    const job = this.known(request.id) ?? this.add(request);
    const onAbort = () => void this.cancel(request.id);
    try {
      const result = job.wait(watcher, signal);
      signal.addEventListener("abort", onAbort, { once: true });
      this.announce();
      return await result;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async cancel(id: string): Promise<void> {
    const job = this.jobs.get(id);
    if (!job || job.end !== null) return;
    this.journal.append({ type: "cancelled", id });
    job.finish({ kind: "cancelled" });
  }

  async forget(id: string): Promise<void> {
    const job = this.jobs.get(id);
    if (!job || job.end === null) return;
    this.journal.append({ type: "cancelled", id });
    job.finish({ kind: "cancelled" });
  }

  async join(card: WorkerCard): Promise<WorkerSeat> {
    const seat = new EmbeddedSeat(this, card);
    this.seats.add(seat);
    this.announce();
    return seat;
  }

  async overview(): Promise<QueueOverview> {
    const now = Date.now();
    return {
      queue: "embedded",
      workers: [...this.seats].map((seat) => ({
        id: seat.card.id,
        host: seat.card.host,
        targets: seat.card.targets,
        startedAtMs: seat.startedAtMs,
        lastSeenAtMs: now,
        jobs: seat.jobs,
        finishedJobs: seat.finishedJobs,
      })),
      jobs: [...this.unfinished().filter(({ running }) => running !== null), ...this.waiting()].map((job) => this.overviewOf(job)),
      finishedJobs: this.finishedJobs,
      failedJobs: this.failedJobs,
    };
  }

  async close(): Promise<void> {
    for (const seat of [...this.seats]) await seat.leave();
    this.journal.close();
  }

  /** For a seat: its next job, begun. */
  begin(seat: EmbeddedSeat): TakenJob | null {
    if (!this.seats.has(seat)) return null;
    const job = this.waiting().find(({ request }) => seat.card.routes.includes(request.route));
    if (!job) return null;
    if (job.tries >= maximumTries) {
      this.endFor(job, triesSpent(job.tries, null));
      return this.begin(seat);
    }
    job.tries += 1;
    this.journalTries(job);
    const stop = new AbortController();
    const token = randomBytes(16).toString("hex");
    job.running = { token, worker: seat.card.id, stop };
    return { request: job.request, token, tries: job.tries, signal: stop.signal };
  }

  tell({ request, token }: TakenJob, envelope: string): void {
    this.jobs.get(request.id)?.tell(envelope, token);
  }

  async provideAgain({ request }: TakenJob): Promise<void> {
    await this.jobs.get(request.id)?.provideAgain();
  }

  /** False where the try is no longer the job's. */
  finish({ request, token }: TakenJob, end: Exclude<JobEnd, { kind: "cancelled" }>): boolean {
    const job = this.jobs.get(request.id);
    if (job?.running?.token !== token) return false;
    if (end.kind === "failed") {
      this.endFor(job, end.reason);
      return true;
    }
    this.journal.append({ type: "completed", id: request.id, ...end.result });
    this.finishedJobs += 1;
    job.finish(end);
    return true;
  }

  /** `failure`: why this try ended; null where it is not to count. */
  putBack({ request, token }: TakenJob, failure: string | null): boolean {
    const job = this.jobs.get(request.id);
    if (job?.running?.token !== token) return false;
    const { stop } = job.running;
    if (failure === null) job.tries -= 1;
    else job.failures += 1;
    if (failure !== null && job.failures >= maximumFailures) {
      this.endFor(job, triesSpent(job.failures, failure));
      return true;
    }
    this.journalTries(job);
    job.running = null;
    stop.abort(new JobEnded("lost"));
    this.announce();
    return true;
  }

  removeSeat(seat: EmbeddedSeat): void {
    this.seats.delete(seat);
    this.announce();
  }

  /** What failed or was cancelled is asked for anew. */
  private known(id: string): EmbeddedJob | null {
    const job = this.jobs.get(id);
    return job !== undefined && (job.end === null || job.end.kind === "completed") ? job : null;
  }

  private journalTries({ request, tries, failures }: EmbeddedJob): void {
    this.journal.append({ type: "begun", id: request.id, tries, failures });
  }

  private endFor(job: EmbeddedJob, reason: string): void {
    this.journal.append({ type: "failed", id: job.request.id, reason });
    this.failedJobs += 1;
    job.finish({ kind: "failed", reason });
  }

  private add(request: JobRequest): EmbeddedJob {
    const job = this.insert(request, Date.now());
    this.journal.append({ type: "submitted", request, submittedAtMs: job.submittedAtMs });
    return job;
  }

  private insert(request: JobRequest, submittedAtMs: number): EmbeddedJob {
    const ofRun = this.unfinished().filter((job) => job.request.run === request.run).length;
    const job = new EmbeddedJob(request, submittedAtMs, turnOf(request, ofRun));
    // Deleted first, so that a job asked for anew stands at the end.
    this.jobs.delete(request.id);
    this.jobs.set(request.id, job);
    return job;
  }

  private restore(entry: JournalEntry): void {
    if (entry.type === "submitted") {
      this.insert(entry.request, entry.submittedAtMs);
      return;
    }
    const job = this.jobs.get(entry.id);
    if (!job) return;
    if (entry.type === "begun") [job.tries, job.failures] = [entry.tries, entry.failures];
    if (entry.type === "completed") {
      this.finishedJobs += 1;
      job.finish({ kind: "completed", result: { envelope: entry.envelope, token: entry.token } });
    }
    if (entry.type === "failed") {
      this.failedJobs += 1;
      job.finish({ kind: "failed", reason: entry.reason });
    }
    if (entry.type === "cancelled") job.finish({ kind: "cancelled" });
  }

  private unfinished(): EmbeddedJob[] {
    return [...this.jobs.values()].filter((job) => job.end === null);
  }

  private waiting(): EmbeddedJob[] {
    return this.unfinished()
      .filter((job) => job.isWaiting)
      .sort((a, b) => a.turn - b.turn);
  }

  private canBeTaken(request: JobRequest): boolean {
    return [...this.seats].some(({ card }) => card.routes.includes(request.route));
  }

  private overviewOf(job: EmbeddedJob): JobOverview {
    const { id, label, target, priority } = job.request;
    const state = job.running !== null ? "running" : this.canBeTaken(job.request) ? "waiting" : "unschedulable";
    return { id, state, label, target, priority, submittedAtMs: job.submittedAtMs, worker: job.running?.worker ?? null, tries: job.tries };
  }

  /** Whoever waits for work looks again; whoever waits for a job that nobody takes is told. */
  private announce(): void {
    for (const job of this.waiting()) job.tellUnschedulable(this.canBeTaken(job.request) ? null : noWorkerFor(job.request, []));
    for (const seat of this.seats) seat.lookAgain();
  }
}
