import { Queue as BullQueue } from "bullmq";
import type { Redis } from "ioredis";
import type { JobRequest } from "../../specs/contracts/queue.js";
import { type RedisKeys, redisKeys } from "./redis-keys.js";
import { connectRedis, type RedisAddress, redisPlace } from "./redis-link.js";

/** Whoever takes a job takes it for good: whether it is still at work is told by its beats, never by a clock. */
export const lockMs = 100_000_000_000;

export interface BeatSettings {
  /** How often a worker says that it is at work. */
  beatMs: number;
  /** So many looks without a new beat, and the worker is taken for gone. */
  missedBeats: number;
}

export const usualBeats: BeatSettings = { beatMs: 1_000, missedBeats: 15 };

/** What submitters, workers and onlookers share: the connection, the keys, one BullMQ queue a route. */
export class RedisBase {
  private readonly queues = new Map<string, BullQueue>();

  private constructor(
    readonly redis: Redis,
    readonly keys: RedisKeys,
    readonly place: string,
    readonly prefix: string,
    readonly patienceMs: number,
    readonly beats: BeatSettings,
  ) {}

  static async open(address: RedisAddress, beats: BeatSettings): Promise<RedisBase> {
    const redis = await connectRedis(address);
    return new RedisBase(redis, redisKeys(address.prefix), redisPlace(address.url), address.prefix, address.patienceMs, beats);
  }

  queue(route: string): BullQueue<JobRequest> {
    let queue = this.queues.get(route);
    if (!queue) {
      queue = new BullQueue(route, { connection: this.redis, prefix: this.prefix });
      // Told by whatever fails for it.
      queue.on("error", () => {});
      this.queues.set(route, queue);
    }
    return queue;
  }

  routes(): Promise<string[]> {
    return this.redis.smembers(this.keys.routes);
  }

  /** Redis' own clock: the only one that all machines share. */
  async nowMs(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async close(): Promise<void> {
    for (const queue of this.queues.values()) await queue.close().catch(() => {});
    this.redis.disconnect();
  }
}
