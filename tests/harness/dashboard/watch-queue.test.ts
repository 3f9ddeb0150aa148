import { expect, onTestFinished, test } from "vitest";
import { RedisServer } from "../../../harness/bench/queue/redis-server.js";
import { watchQueue } from "../../../harness/dashboard/watch-queue.js";

test("a queue on Redis is shown; one that went away is said to be, soon, and is shown again when it is back", async () => {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  const queue = watchQueue(server.url, "forge");
  onTestFinished(() => queue.close());
  const empty = { queue: server.url, workers: [], jobs: [], finishedJobs: 0, failedJobs: 0 };
  expect(await queue.overview()).toEqual(empty);
  await server.kill();
  const began = performance.now();
  await expect(queue.overview()).rejects.toThrow();
  expect(performance.now() - began).toBeLessThan(10_000);
  await server.up();
  expect(await queue.overview()).toEqual(empty);
});

test("an address that is none is refused before anything starts", () => {
  expect(() => watchQueue("nonsense", "forge")).toThrow(/redis:\/\/host:6379/);
});
