import type { Job } from "bullmq";
import type { JobRequest } from "../../specs/contracts/queue.js";
import type { JobOverview, QueueOverview } from "../../specs/contracts/queue-overview.js";
import type { RedisBase } from "./redis-base.js";
import { readWorkers, type WorkerEntry } from "./redis-workers.js";

const listedJobs = 1_000;

export async function redisOverview(base: RedisBase): Promise<QueueOverview> {
  const { redis, keys, place } = base;
  const [workers, counts, routes] = await Promise.all([readWorkers(base), redis.hgetall(keys.counts), base.routes()]);
  const running: JobOverview[] = [];
  const waiting: { turn: number; overview: JobOverview }[] = [];
  for (const route of routes) {
    for (const job of await jobsOf(base, route, "active")) running.push(await overviewOf(base, job, "running"));
    const state = canTake(workers, route) ? "waiting" : "unschedulable";
    for (const status of ["prioritized", "wait"] as const)
      for (const job of await jobsOf(base, route, status))
        waiting.push({ turn: job.opts.priority ?? 0, overview: await overviewOf(base, job, state) });
  }
  waiting.sort((a, b) => a.turn - b.turn || a.overview.submittedAtMs - b.overview.submittedAtMs);
  return {
    queue: place,
    workers: workers.map(({ card, startedAtMs, lastSeenAtMs, jobs, finishedJobs }) => ({
      id: card.id,
      host: card.host,
      targets: card.targets,
      ...{ startedAtMs, lastSeenAtMs, jobs, finishedJobs },
    })),
    jobs: [...running, ...waiting.map(({ overview }) => overview)],
    finishedJobs: Number(counts.finished ?? 0),
    failedJobs: Number(counts.failed ?? 0),
  };
}

export const canTake = (workers: WorkerEntry[], route: string): boolean => workers.some(({ card }) => card.routes.includes(route));

async function jobsOf(base: RedisBase, route: string, status: "active" | "prioritized" | "wait"): Promise<Job<JobRequest>[]> {
  return base.queue(route).getJobs([status], 0, listedJobs, true);
}

async function overviewOf(base: RedisBase, job: Job<JobRequest>, state: JobOverview["state"]): Promise<JobOverview> {
  const { id, label, target, priority } = job.data;
  const [worker, tries] = await base.redis.hmget(base.keys.side(id), "worker", "tries");
  const isRunning = state === "running";
  return {
    id,
    state,
    label,
    target,
    priority,
    submittedAtMs: job.timestamp,
    worker: isRunning ? (worker ?? null) : null,
    tries: Number(tries ?? 0),
  };
}
