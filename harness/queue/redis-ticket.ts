import { JobEnded, JobFailed, type JobRequest, type JobResult, type JobWatcher, QueueUnavailable } from "../../specs/contracts/queue.js";
import type { RedisBase } from "./redis-base.js";
import { keptAfterEndSeconds } from "./redis-seat.js";
import { turnOf } from "./turn-order.js";

/** BullMQ keeps so many ended jobs a route, whose results nobody may have read yet; by number, for ages go by clocks. */
const keptEndedJobs = 5_000;

/** A job that somebody waits for: puts it in, follows its events, and takes its one result. */
export class RedisTicket {
  readonly end: Promise<JobResult>;
  private settle!: { resolve: (result: JobResult) => void; reject: (error: unknown) => void };
  private lastEvent = "-";
  private currentToken: string | null = null;
  private readonly pastTokens = new Set<string>();
  private wasIn = false;
  private isTold: string | null = null;

  constructor(
    private readonly base: RedisBase,
    readonly request: JobRequest,
    private readonly watcher: JobWatcher,
    private readonly unfinishedOfRun: number,
  ) {
    this.end = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // Somebody may give up waiting before it ends.
    this.end.catch(() => {});
  }

  fail(error: unknown): void {
    this.settle.reject(error);
  }

  /** Looks once; true where the job has ended. */
  async look(): Promise<boolean> {
    const { redis, keys } = this.base;
    const { id, route } = this.request;
    const [events, state, [cancelled, misses]] = await Promise.all([
      redis.xrange(keys.events(id), this.lastEvent === "-" ? "-" : `(${this.lastEvent}`, "+"),
      redis.hmget(keys.job(route, id), "data", "finishedOn", "returnvalue", "failedReason"),
      redis.hmget(keys.side(id), "cancelled", "misses"),
    ]);
    if (misses) {
      await redis.hdel(keys.side(id), "misses");
      await this.watcher.provide();
    }
    for (const [eventId, fields] of events) this.passOn(eventId, fields);
    const [data, finishedOn, returned, failedReason] = state;
    if (!data) return this.missing(Boolean(cancelled));
    if (!finishedOn) {
      // Cancelled by an earlier session, and its worker has not ended it yet.
      if (cancelled && !this.wasIn) return false;
      this.wasIn = true;
      return false;
    }
    if (returned) {
      this.settle.resolve(parseResult(returned, this.request.id));
      return true;
    }
    if (!this.wasIn) {
      // It failed for somebody before us: we ask anew.
      await this.base.queue(route).remove(id);
      return false;
    }
    this.settle.reject(cancelled ? new JobEnded("cancelled") : new JobFailed(failedReason ?? "for no reason that was given"));
    return true;
  }

  /** Neither waiting nor running nor ended: new, cancelled, or lost with the rest of an emptied Redis. */
  private async missing(isCancelled: boolean): Promise<boolean> {
    if (isCancelled && this.wasIn) {
      this.settle.reject(new JobEnded("cancelled"));
      return true;
    }
    await this.putIn();
    this.wasIn = true;
    return false;
  }

  private async putIn(): Promise<void> {
    const { redis, keys } = this.base;
    const { id, route } = this.request;
    await this.watcher.provide();
    await redis.del(keys.side(id), keys.events(id));
    this.lastEvent = "-";
    await redis.sadd(keys.routes, route);
    await this.base.queue(route).add(this.request.target, this.request, {
      jobId: id,
      priority: turnOf(this.request, this.unfinishedOfRun),
      removeOnComplete: { count: keptEndedJobs },
      removeOnFail: { count: keptEndedJobs },
    });
  }

  /** Events of a try that another has followed are of no interest, and never were the truth. */
  private passOn(eventId: string, fields: string[]): void {
    this.lastEvent = eventId;
    const token = fieldOf(fields, "token");
    const envelope = fieldOf(fields, "envelope");
    if (token === null || envelope === null || this.pastTokens.has(token)) return;
    if (this.currentToken !== null && this.currentToken !== token) this.pastTokens.add(this.currentToken);
    this.currentToken = token;
    this.watcher.event(envelope, token);
  }

  tellUnschedulable(reason: string | null): void {
    if (reason === this.isTold) return;
    this.isTold = reason;
    this.watcher.unschedulable(reason);
  }

  async cancel(): Promise<void> {
    await cancelIn(this.base, this.request.route, this.request.id);
  }
}

/** Marks first, so that a worker that takes it this moment hears of it; then removes it where it waits. */
export async function cancelIn(base: RedisBase, route: string, id: string): Promise<void> {
  const { redis, keys } = base;
  const [finishedOn] = await redis.hmget(keys.job(route, id), "finishedOn");
  if (finishedOn || !(await redis.exists(keys.job(route, id)))) return;
  await redis.hset(keys.side(id), "cancelled", "1");
  await redis.expire(keys.side(id), keptAfterEndSeconds);
  // Refused while it runs: then its worker ends it.
  await base.queue(route).remove(id);
}

export async function forgetIn(base: RedisBase, route: string, id: string): Promise<void> {
  const [finishedOn] = await base.redis.hmget(base.keys.job(route, id), "finishedOn");
  if (finishedOn) await base.redis.unlink(base.keys.side(id), base.keys.events(id), base.keys.lock(route, id), base.keys.job(route, id));
}

function fieldOf(fields: string[], name: string): string | null {
  const place = fields.indexOf(name);
  return place % 2 === 0 ? (fields[place + 1] ?? null) : null;
}

function parseResult(text: string, id: string): JobResult {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "envelope" in parsed && "token" in parsed) {
      const { envelope, token } = parsed;
      if (typeof envelope === "string" && typeof token === "string") return { envelope, token };
    }
  } catch {
    // Told below.
  }
  throw new QueueUnavailable(`the result of job ${id} in Redis is not one: something else writes under these keys`);
}
