import type { TakenJob, WorkerCard, WorkerSeat } from "../../specs/contracts/queue.js";
import type { JobEnd } from "./embedded-job.js";

/** What a seat asks of its queue. */
export interface SeatKeeper {
  begin(seat: EmbeddedSeat): TakenJob | null;
  tell(job: TakenJob, envelope: string): void;
  provideAgain(job: TakenJob): Promise<void>;
  finish(job: TakenJob, end: Exclude<JobEnd, { kind: "cancelled" }>): boolean;
  putBack(job: TakenJob, failure: string | null): boolean;
  removeSeat(seat: EmbeddedSeat): void;
}

/** A worker of the same process. */
export class EmbeddedSeat implements WorkerSeat {
  readonly startedAtMs = Date.now();
  finishedJobs = 0;
  private readonly held = new Map<string, TakenJob>();
  private wake: (() => void) | null = null;

  constructor(
    private readonly queue: SeatKeeper,
    readonly card: WorkerCard,
  ) {}

  get jobs(): string[] {
    return [...this.held.values()].map(({ request }) => request.id);
  }

  async take(signal: AbortSignal): Promise<TakenJob | null> {
    while (!signal.aborted) {
      const job = this.queue.begin(this);
      if (job !== null) {
        this.held.set(job.token, job);
        return job;
      }
      await this.nextChange(signal);
    }
    return null;
  }

  async tell(job: TakenJob, envelope: string): Promise<void> {
    this.queue.tell(job, envelope);
  }

  async miss(job: TakenJob): Promise<void> {
    await this.queue.provideAgain(job);
  }

  async complete(job: TakenJob, envelope: string): Promise<boolean> {
    if (!this.release(job)) return false;
    this.finishedJobs += 1;
    return this.queue.finish(job, { kind: "completed", result: { envelope, token: job.token } });
  }

  async fail(job: TakenJob, reason: string, again: boolean): Promise<boolean> {
    if (!this.release(job)) return false;
    return again ? this.queue.putBack(job, reason) : this.queue.finish(job, { kind: "failed", reason });
  }

  async giveBack(job: TakenJob): Promise<void> {
    if (this.release(job)) this.queue.putBack(job, null);
  }

  async leave(): Promise<void> {
    for (const job of [...this.held.values()]) await this.giveBack(job);
    this.queue.removeSeat(this);
    this.lookAgain();
  }

  lookAgain(): void {
    this.wake?.();
  }

  private release(job: TakenJob): boolean {
    return this.held.delete(job.token);
  }

  private nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        this.wake = null;
        resolve();
      };
      this.wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
