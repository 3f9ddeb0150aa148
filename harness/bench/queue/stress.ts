import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadedSpec } from "../../../specs/contracts/spec.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { packageRoot } from "../../package-root.js";
import { redisAddress } from "../../queue/redis-link.js";
import { RedisQueue } from "../../queue/redis-queue.js";
import { RemoteExaminer } from "../../queue/remote-examiner.js";
import { Seal } from "../../queue/seal.js";
import { numberedCandidate, problemOf } from "./numbered-candidates.js";
import { RedisServer } from "./redis-server.js";
import { StressWorkers } from "./stress-workers.js";

export interface StressPlan {
  jobs: number;
  /** Of them, those that build and align a kernel; the others have a machine describe itself. */
  builds: number;
  workers: number;
  redisRestarts: number;
  program: string[];
  signal: AbortSignal;
  say: (text: string) => void;
}

export interface StressResult {
  jobs: number;
  builds: number;
  answered: number;
  /** What went wrong with single jobs, in words. */
  problems: string[];
  /** As BullMQ counts them, over all routes. */
  completedInRedis: number;
  failedInRedis: number;
  kills: number;
  restarts: number;
  begun: number;
  fencedOff: number;
  medianBuildSeconds: number;
  seconds: number;
}

const goals = 5;

/** The gate's bench has a kernel that is built and right on every machine; accepted ones are built for the chip that they were forged on. */
const examFolder = (): string => join(packageRoot(), "harness", "bench", "gate");

const portableCandidate = (): Candidate => ({
  manifest: { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags: ["-O2"] }], linkFlags: [] },
  files: { "kernel.c": readFileSync(join(examFolder(), "bandwidth.kernel.c"), "utf8") },
});

/** Jobs of several goals over several workers, while workers are killed every two median times of a build, and Redis now and then. */
export async function stressQueue(plan: StressPlan): Promise<StressResult> {
  const startedAtMs = performance.now();
  const server = await RedisServer.start({ keeps: true });
  const secret = randomBytes(32).toString("hex");
  const queue = await RedisQueue.open(redisAddress(server.url, "stress"));
  const environment = { ...process.env, FORGE_REDIS: server.url, FORGE_REDIS_PREFIX: "stress", FORGE_QUEUE_SECRET: secret };
  const workers = new StressWorkers(plan.program, environment, plan.workers, plan.signal);
  let [answered, kills, restarts] = [0, 0, 0];
  let isOver = false;
  try {
    const loaded = loadSpec(join(examFolder(), "bandwidth.yaml"));
    const problems: string[] = [];
    const count = (problem: string | null) => {
      answered += 1;
      if (problem !== null) problems.push(problem);
    };
    const work = allJobs(plan, loaded, queue, new Seal(secret), count);
    const killing = (async () => {
      let killedAtMs = performance.now();
      while (!isOver) {
        await sleep(50);
        const median = medianOf(workers.tally.buildSeconds);
        if (isOver || median === null || performance.now() - killedAtMs < 2_000 * median) continue;
        workers.killOne();
        killedAtMs = performance.now();
        kills += 1;
        plan.say(`${answered} of ${plan.jobs} jobs answered, ${kills} workers killed, Redis restarted ${restarts} times`);
      }
    })();
    const restarting = (async () => {
      while (!isOver && restarts < plan.redisRestarts) {
        await sleep(100);
        if (answered < ((restarts + 1) * plan.jobs) / (plan.redisRestarts + 1)) continue;
        await server.restart();
        restarts += 1;
      }
    })();
    await work.finally(() => {
      isOver = true;
    });
    await Promise.all([killing, restarting]);
    const { tally } = workers;
    return {
      ...{ jobs: plan.jobs, builds: plan.builds, answered, problems, kills, restarts },
      ...(await countEnded(server)),
      begun: tally.begun,
      fencedOff: tally.fencedOff,
      medianBuildSeconds: medianOf(tally.buildSeconds) ?? 0,
      seconds: (performance.now() - startedAtMs) / 1000,
    };
  } finally {
    isOver = true;
    await workers.end();
    await queue.close();
    await server.stop();
  }
}

async function allJobs(
  plan: StressPlan,
  loaded: LoadedSpec,
  queue: RedisQueue,
  seal: Seal,
  count: (problem: string | null) => void,
): Promise<void> {
  const candidate = portableCandidate();
  const open = () =>
    RemoteExaminer.open({
      ...{ loaded, variant: "f32", target: "x86-64", threads: 1, queue, seal, signal: plan.signal, notice: plan.say },
      blobs: queue.blobStore(null),
    });
  const told = (error: unknown) => count(`no answer: ${error instanceof Error ? error.message : String(error)}`);
  // Opening one is a job by itself.
  const describe = async () => {
    const examiner = await open();
    count(examiner.threads === 1 && examiner.machine.target === "x86-64" ? null : "a machine described another task");
    return examiner;
  };
  const examiners = await Promise.all(Array.from({ length: goals }, describe));
  const builds = Array.from({ length: plan.builds }, async (_, number) => {
    const examiner = examiners[number % goals]!;
    const verdict = await examiner.judge(numberedCandidate(candidate, number), true, { started: () => {}, finished: () => {} });
    count(problemOf(verdict, number));
  });
  const others = Array.from({ length: plan.jobs - plan.builds - goals }, describe);
  await Promise.all([...builds, ...others].map((job) => job.catch(told)));
}

/** Exactly one result each: what BullMQ has as completed, and as failed. */
async function countEnded(server: RedisServer): Promise<{ completedInRedis: number; failedInRedis: number }> {
  const client = server.client();
  try {
    let [completedInRedis, failedInRedis] = [0, 0];
    for (const route of await client.smembers("stress:~routes")) {
      completedInRedis += await client.zcard(`stress:${route}:completed`);
      failedInRedis += await client.zcard(`stress:${route}:failed`);
    }
    return { completedInRedis, failedInRedis };
  } finally {
    client.disconnect();
  }
}

function medianOf(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
