import type { BlobStore } from "../../specs/contracts/queue.js";
import { takeQueueSecret } from "./queue-secret.js";
import { redisAddress } from "./redis-link.js";
import { RedisQueue } from "./redis-queue.js";
import { Seal } from "./seal.js";

export interface SharedQueueOptions {
  redis: string;
  redisPrefix: string;
  secretFile?: string;
  blobs?: string;
}

/** A queue that machines share, with all that makes it trustworthy. */
export interface SharedQueue {
  queue: RedisQueue;
  blobs: BlobStore;
  seal: Seal;
}

/** Throws QueueUnavailable where there is no Redis, a bad one, or no secret. */
export async function openSharedQueue(options: SharedQueueOptions): Promise<SharedQueue> {
  const seal = new Seal(takeQueueSecret(options.secretFile));
  // It may hold a password, and has been read: what is started from here has no use for it.
  delete process.env.FORGE_REDIS;
  const queue = await RedisQueue.open(redisAddress(options.redis, options.redisPrefix));
  return { queue, seal, blobs: queue.blobStore(options.blobs ?? null) };
}
