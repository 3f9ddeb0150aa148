import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker as BullWorker, type Job, UnrecoverableError } from "bullmq";
import {
  JobEnded,
  type JobRequest,
  maximumFailures,
  maximumTries,
  type TakenJob,
  type WorkerCard,
  type WorkerSeat,
} from "../../specs/contracts/queue.js";
import { lockMs, type RedisBase } from "./redis-base.js";
import { redisFailure } from "./redis-link.js";
import { beat } from "./redis-scripts.js";
import { writeWorker } from "./redis-workers.js";
import { triesSpent } from "./tries-spent.js";

interface Held {
  taken: TakenJob;
  job: Job<JobRequest>;
  stop: AbortController;
}

const askAgainMs = 150;
/** Events and counters of what has ended are of use only to a submitter that was away. */
export const keptAfterEndSeconds = 7 * 24 * 3600;

/** A worker at Redis. It asks its routes in turn some times a second: nothing blocks, so nothing is stuck when Redis goes and comes. */
export class RedisSeat implements WorkerSeat {
  private readonly held = new Map<string, Held>();
  private readonly sources: BullWorker<JobRequest>[];
  private readonly startedAtMs = Date.now();
  private finishedJobs = 0;
  private turn = 0;
  private isLeaving = false;

  constructor(
    private readonly base: RedisBase,
    private readonly card: WorkerCard,
  ) {
    this.sources = card.routes.map((route) => {
      const worker = new BullWorker<JobRequest>(route, null, {
        connection: base.redis,
        prefix: base.prefix,
        autorun: false,
        lockDuration: lockMs,
        // Both would go by clocks; see RedisReaper.
        skipStalledCheck: true,
        skipLockRenewal: true,
      });
      worker.on("error", () => {});
      return worker;
    });
  }

  /** With every beat, for whoever emptied the Redis meanwhile, and when a job has ended. */
  async register(): Promise<void> {
    const jobs = [...this.held.values()].map(({ taken }) => taken.request.id);
    await this.base.redis.sadd(this.base.keys.routes, ...this.card.routes);
    await writeWorker(this.base, { card: this.card, startedAtMs: this.startedAtMs, jobs, finishedJobs: this.finishedJobs });
  }

  async take(signal: AbortSignal): Promise<TakenJob | null> {
    try {
      while (!signal.aborted && !this.isLeaving) {
        for (let asked = 0; asked < this.sources.length; asked++) {
          const taken = await this.takeFrom(this.sources[this.turn++ % this.sources.length]!);
          if (taken !== null) return taken;
        }
        await sleep(askAgainMs, undefined, { signal }).catch(() => {});
      }
      return null;
    } catch (error) {
      throw redisFailure(error, this.base.place, "waiting for a job");
    }
  }

  private async takeFrom(source: BullWorker<JobRequest>): Promise<TakenJob | null> {
    const { redis, keys } = this.base;
    const token = randomBytes(16).toString("hex");
    const job = (await source.getNextJob(token, { block: false })) as Job<JobRequest> | undefined;
    if (!job) return null;
    const side = keys.side(job.data.id);
    const tries = await redis.hincrby(side, "tries", 1);
    await redis.hset(side, "worker", this.card.id);
    const cancelled = await redis.hget(side, "cancelled");
    const hopeless = cancelled ? "cancelled" : tries > maximumTries ? triesSpent(tries - 1, null) : null;
    if (hopeless !== null) {
      if (await this.settled(job.moveToFailed(new UnrecoverableError(hopeless), token))) await redis.hincrby(keys.counts, "failed", 1);
      return null;
    }
    const stop = new AbortController();
    const taken: TakenJob = { request: job.data, token, tries, signal: stop.signal };
    this.held.set(token, { taken, job, stop });
    return taken;
  }

  async tell(job: TakenJob, envelope: string): Promise<void> {
    await this.base.redis.xadd(this.base.keys.events(job.request.id), "*", "token", job.token, "envelope", envelope);
  }

  async miss(job: TakenJob): Promise<void> {
    await this.base.redis.hset(this.base.keys.side(job.request.id), "misses", "1");
  }

  async complete(job: TakenJob, envelope: string): Promise<boolean> {
    return this.end(job, (held) => held.job.moveToCompleted({ envelope, token: job.token }, job.token, false), "finished");
  }

  async fail(job: TakenJob, reason: string, again: boolean): Promise<boolean> {
    const failures =
      again && this.held.has(job.token) ? await this.base.redis.hincrby(this.base.keys.side(job.request.id), "failures", 1) : 0;
    if (again && failures < maximumFailures) return this.end(job, (held) => held.job.moveToWait(job.token), null);
    const told = again ? triesSpent(failures, reason) : reason;
    return this.end(job, (held) => held.job.moveToFailed(new UnrecoverableError(told), job.token), "failed");
  }

  async giveBack(job: TakenJob): Promise<void> {
    if (!this.held.has(job.token)) return;
    await this.base.redis.hincrby(this.base.keys.side(job.request.id), "tries", -1);
    await this.end(job, (held) => held.job.moveToWait(job.token), null);
  }

  async leave(): Promise<void> {
    if (this.isLeaving) return;
    this.isLeaving = true;
    for (const { taken } of [...this.held.values()]) await this.giveBack(taken);
    await this.base.redis.hdel(this.base.keys.workers, this.card.id);
    for (const source of this.sources) await source.close(true);
  }

  /** Once every beat: says that it is here, and hears of each job whether it is still its own. */
  async beat(): Promise<void> {
    if (this.isLeaving) return;
    const { redis, keys } = this.base;
    await this.register();
    for (const { taken, stop } of [...this.held.values()]) {
      const { id, route } = taken.request;
      const answer = await beat(redis, keys.lock(route, id), keys.side(id), taken.token);
      if (answer !== "held" && this.held.has(taken.token)) stop.abort(new JobEnded(answer));
    }
  }

  private async end(job: TakenJob, move: (held: Held) => Promise<unknown>, count: "finished" | "failed" | null): Promise<boolean> {
    const held = this.held.get(job.token);
    if (!held) return false;
    const { redis, keys, place } = this.base;
    const side = keys.side(job.request.id);
    try {
      if (!(await this.settled(move(held)))) return false;
      await redis.hdel(side, "worker");
      this.held.delete(job.token);
      if (count === "finished") this.finishedJobs += 1;
      // Not with the next beat only: who sees the answer sees an idle worker.
      await this.register();
      if (count === null) return true;
      await redis.hincrby(keys.counts, count, 1);
      await redis.expire(side, keptAfterEndSeconds);
      await redis.expire(keys.events(job.request.id), keptAfterEndSeconds);
      return true;
    } catch (error) {
      throw redisFailure(error, place, "ending a job");
    } finally {
      this.held.delete(job.token);
    }
  }

  /** False where BullMQ refuses because the job or its lock is gone or another's: that is what fences a late result off. */
  private async settled(move: Promise<unknown>): Promise<boolean> {
    try {
      await move;
      return true;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : null;
      if (typeof code === "number") return false;
      throw error;
    }
  }
}
