import { afterAll, beforeAll } from "vitest";
import { RedisServer } from "../../../harness/bench/queue/redis-server.js";
import { usualBeats } from "../../../harness/queue/redis-base.js";
import { redisAddress } from "../../../harness/queue/redis-link.js";
import { RedisQueue } from "../../../harness/queue/redis-queue.js";
import { queueConformance } from "./conformance.js";

let server: RedisServer;
let place = 0;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.stop());

queueConformance("BullMQ on Redis", async () => {
  place += 1;
  const address = redisAddress(server.url, `place-${place}`);
  return { open: () => RedisQueue.open(address, { ...usualBeats, beatMs: 100 }), isShared: true, end: async () => {} };
});
