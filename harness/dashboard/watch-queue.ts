import type { QueueOverview } from "../../specs/contracts/queue-overview.js";
import { redisAddress } from "../queue/redis-link.js";
import { RedisQueue } from "../queue/redis-queue.js";

/** A page that asks every other second is better told that Redis is away than kept waiting. */
const patienceMs = 3000;

/** Looks into a queue on Redis when asked to; a Redis that is away now may be there the next time. Throws QueueUnavailable for a bad address. */
export function watchQueue(url: string, prefix: string): { overview(): Promise<QueueOverview>; close(): Promise<void> } {
  const address = redisAddress(url, prefix, patienceMs);
  let opening: Promise<RedisQueue> | null = null;
  return {
    async overview() {
      opening ??= RedisQueue.open(address);
      try {
        return await (await opening).overview();
      } catch (error) {
        const failed = opening;
        opening = null;
        await failed?.then(
          (queue) => queue.close(),
          () => {},
        );
        throw error;
      }
    },
    async close() {
      await opening?.then(
        (queue) => queue.close(),
        () => {},
      );
    },
  };
}
