import { randomBytes } from "node:crypto";
import { Job, UnrecoverableError } from "bullmq";
import { type JobRequest, maximumTries } from "../../specs/contracts/queue.js";
import { lockMs, type RedisBase } from "./redis-base.js";
import { steal } from "./redis-scripts.js";
import { triesSpent } from "./tries-spent.js";

interface Seen {
  token: string;
  beat: string;
  looks: number;
}

/**
 * Gives jobs of workers that are gone to others. Every submitter and worker looks; the first to notice acts. What counts is how often
 * it looked without seeing a new beat: no clock is asked, so none that jumps, here or on another machine, ends anybody's work.
 */
export class RedisReaper {
  private seen = new Map<string, Seen>();

  constructor(private readonly base: RedisBase) {}

  /** Once every beat. What fails is looked at next time; looks before a failure do not count, for the workers saw no Redis either. */
  async look(): Promise<void> {
    try {
      const before = this.seen;
      this.seen = new Map();
      for (const route of await this.base.routes())
        for (const id of await this.base.redis.lrange(this.base.keys.active(route), 0, -1)) await this.lookAt(route, id, before.get(id));
    } catch {
      this.seen = new Map();
    }
  }

  private async lookAt(route: string, id: string, before: Seen | undefined): Promise<void> {
    const { redis, keys, beats } = this.base;
    const [token, beat] = await Promise.all([redis.get(keys.lock(route, id)), redis.hget(keys.side(id), "beat")]);
    const now = { token: token ?? "", beat: beat ?? "0" };
    const looks = before?.token === now.token && before.beat === now.beat ? before.looks + 1 : 0;
    this.seen.set(id, { ...now, looks });
    if (looks < beats.missedBeats) return;
    this.seen.delete(id);
    const thief = `reaper-${randomBytes(16).toString("hex")}`;
    if (!(await steal(redis, keys.lock(route, id), keys.side(id), now, thief, lockMs))) return;
    await this.passOn(route, id, thief);
  }

  private async passOn(route: string, id: string, thief: string): Promise<void> {
    const { redis, keys } = this.base;
    const job = await Job.fromId<JobRequest>(this.base.queue(route), id);
    const [tries, cancelled] = await redis.hmget(keys.side(id), "tries", "cancelled");
    if (!job) {
      await redis.lrem(keys.active(route), 0, id);
      await redis.del(keys.lock(route, id));
    } else if (cancelled) await job.moveToFailed(new UnrecoverableError("cancelled"), thief);
    else if (Number(tries) >= maximumTries) {
      await job.moveToFailed(new UnrecoverableError(triesSpent(Number(tries), null)), thief);
      await redis.hincrby(keys.counts, "failed", 1);
    } else {
      await redis.hdel(keys.side(id), "worker");
      await job.moveToWait(thief);
    }
  }
}
