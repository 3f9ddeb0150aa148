import { JobEnded, JobFailed, type JobRequest, type JobResult, type JobWatcher } from "../../specs/contracts/queue.js";

export type JobEnd = { kind: "completed"; result: JobResult } | { kind: "failed"; reason: string } | { kind: "cancelled" };

/** The try that is under way. */
export interface RunningTry {
  token: string;
  worker: string;
  stop: AbortController;
}

interface Waiter {
  watcher: JobWatcher;
  settle: (end: JobEnd) => void;
}

/** One job in an embedded queue: waiting, running, or ended for good. */
export class EmbeddedJob {
  tries = 0;
  /** Tries of which a worker said that it could not do it. */
  failures = 0;
  running: RunningTry | null = null;
  end: JobEnd | null = null;
  private told: { envelope: string; token: string }[] = [];
  private readonly waiters = new Set<Waiter>();

  constructor(
    readonly request: JobRequest,
    readonly submittedAtMs: number,
    /** The smallest is next; ties go to the earlier. */
    readonly turn: number,
  ) {}

  get isWaiting(): boolean {
    return this.end === null && this.running === null;
  }

  get isWatched(): boolean {
    return this.waiters.size > 0;
  }

  tell(envelope: string, token: string): void {
    if (this.running?.token !== token) return;
    this.told.push({ envelope, token });
    for (const { watcher } of this.waiters) watcher.event(envelope, token);
  }

  async provideAgain(): Promise<void> {
    for (const { watcher } of this.waiters) await watcher.provide();
  }

  tellUnschedulable(reason: string | null): void {
    for (const { watcher } of this.waiters) watcher.unschedulable(reason);
  }

  finish(end: JobEnd): void {
    this.end = end;
    const { running } = this;
    this.running = null;
    if (end.kind === "cancelled") running?.stop.abort(new JobEnded("cancelled"));
    for (const waiter of [...this.waiters]) waiter.settle(end);
  }

  /** Resolves or rejects with the job's end; the signal ends only the waiting. */
  wait(watcher: JobWatcher, signal: AbortSignal): Promise<JobResult> {
    if (this.end === null) for (const { envelope, token } of this.told) watcher.event(envelope, token);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { watcher, settle };
      const onAbort = () => {
        this.waiters.delete(waiter);
        reject(signal.reason);
      };
      const { waiters } = this;
      function settle(end: JobEnd): void {
        waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        if (end.kind === "completed") resolve(end.result);
        else reject(end.kind === "failed" ? new JobFailed(end.reason) : new JobEnded("cancelled"));
      }
      if (this.end !== null) return settle(this.end);
      signal.addEventListener("abort", onAbort, { once: true });
      waiters.add(waiter);
    });
  }
}
