import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort, RedisServer } from "../../../harness/bench/queue/redis-server.js";
import { redisAddress } from "../../../harness/queue/redis-link.js";
import { RedisQueue } from "../../../harness/queue/redis-queue.js";
import { type JobRequest, type JobResult, maximumTries, type WorkerSeat } from "../../../specs/contracts/queue.js";
import { temporaryFolder } from "../temporary-folder.js";
import { card, never, request, until, Watching } from "./conformance-parts.js";

const beats = { beatMs: 100, missedBeats: 10 };
const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs));

async function redis(options: Parameters<typeof RedisServer.start>[0] = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

async function open(server: RedisServer, patienceMs = 60_000): Promise<RedisQueue> {
  const queue = await RedisQueue.open(redisAddress(server.url, "faults", patienceMs), beats);
  onTestFinished(() => queue.close());
  return queue;
}

function put(queue: RedisQueue, job: JobRequest, watcher = new Watching()): Promise<JobResult> {
  const end = queue.submit(job, watcher, never());
  end.catch(() => {});
  return end;
}

/** A worker in a process of its own. */
async function worker(server: RedisServer, name: string, manner: "hold" | "die" | "work", environment: Record<string, string> = {}) {
  const program = fileURLToPath(new URL("seat-program.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", program, server.url, "faults", name, manner], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (text: Buffer) => {
    said += text.toString("utf8");
  });
  const says = (text: string) => until(`${name} says '${text}'`, () => said.includes(text));
  await says("ready");
  return { child, says, goOn: () => child.stdin.write("\n") };
}

const doNext = async (seat: WorkerSeat, envelope: string) => {
  const job = (await seat.take(AbortSignal.timeout(20_000)))!;
  return { job, isOurs: await seat.complete(job, envelope) };
};

describe("faults", { timeout: 60_000 }, () => {
  it("row 60: a worker is killed, and its job is done by another", async () => {
    const server = await redis();
    const queue = await open(server);
    const job = request();
    const end = put(queue, job);
    const { child, says } = await worker(server, "victim", "hold");
    await says("took");
    child.kill("SIGKILL");
    const other = await queue.join(card("other"));
    const done = await doNext(other, "by the other");
    expect(done).toMatchObject({ isOurs: true, job: { tries: 2 } });
    expect((await end).envelope).toBe("by the other");
  });

  it("row 61: what kills its workers is given up after some of them, and the others' jobs are done", async () => {
    const server = await redis();
    const queue = await open(server);
    const end = put(queue, request({ priority: 9 }));
    for (let round = 1; round <= maximumTries; round++) {
      const { child } = await worker(server, `victim-${round}`, "die");
      await until("it has died", () => child.exitCode !== null || child.signalCode !== null);
    }
    const good = [1, 2, 3].map(() => put(queue, request()));
    await worker(server, "survivor", "work");
    expect((await Promise.all(good)).map(({ envelope }) => envelope)).toEqual(["by survivor", "by survivor", "by survivor"]);
    await expect(end).rejects.toThrow(/begun 8 times and its worker ended each time/);
  });

  it("rows 62 and 63: a job that is delivered twice has one result; a worker that hung comes too late", async () => {
    const server = await redis();
    const queue = await open(server);
    const end = put(queue, request());
    const zombie = await worker(server, "zombie", "hold");
    await zombie.says("took");
    zombie.child.kill("SIGSTOP");
    const other = await queue.join(card("other"));
    const again = (await other.take(AbortSignal.timeout(20_000)))!;
    expect(again.tries).toBe(2);
    zombie.child.kill("SIGCONT");
    zombie.goOn();
    await zombie.says("fenced off");
    expect(await other.complete(again, "right")).toBe(true);
    expect(await end).toEqual({ envelope: "right", token: again.token });
    expect(await queue.overview()).toMatchObject({ finishedJobs: 1, jobs: [] });
  });

  it("row 64: Redis is killed and comes back, and all goes on where it was", async () => {
    const server = await redis({ keeps: true });
    const queue = await open(server);
    const seat = await queue.join(card("w"));
    const [running, waiting] = [request({ run: "a" }), request({ run: "b" })];
    const runningEnd = put(queue, running);
    const taken = (await seat.take(never()))!;
    const waitingEnd = put(queue, waiting);
    await until("it stands there", async () => (await queue.overview()).jobs.length === 2);
    await server.kill();
    await pause(1_000);
    await server.up();
    expect(await seat.complete(taken, "over the gap")).toBe(true);
    expect((await runningEnd).envelope).toBe("over the gap");
    await doNext(seat, "after it");
    expect((await waitingEnd).envelope).toBe("after it");
    expect(taken.tries).toBe(1);
  });

  it("row 65: Redis comes back empty, and whoever waits puts its jobs in again", async () => {
    const server = await redis();
    const queue = await open(server);
    const seat = await queue.join(card("w"));
    const watchers = [new Watching(), new Watching()];
    const ends = [put(queue, request({ run: "a" }), watchers[0]), put(queue, request({ run: "b" }), watchers[1])];
    const taken = (await seat.take(never()))!;
    await server.restart();
    await until("the worker hears that its job is gone", () => taken.signal.aborted);
    expect(await seat.complete(taken, "from before")).toBe(false);
    for (let job = 0; job < 2; job++) await doNext(seat, "anew");
    expect((await Promise.all(ends)).map(({ envelope }) => envelope)).toEqual(["anew", "anew"]);
    expect(watchers.map(({ provided }) => provided)).toEqual([2, 2]);
  });

  it("row 66: a Redis that may throw jobs away is refused with what to do", async () => {
    const server = await redis({ more: ["--maxmemory-policy", "allkeys-lru"] });
    await expect(open(server)).rejects.toThrow(/allkeys-lru.*CONFIG SET maxmemory-policy noeviction/);
  });

  it("row 67: without a Redis it fails at once; with one that goes and stays away, when patience ends", async () => {
    const startedAt = performance.now();
    const nowhere = redisAddress(`redis://user:password@127.0.0.1:${await freePort()}`, "faults");
    const error: unknown = await RedisQueue.open(nowhere).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "QueueUnavailable", message: expect.stringMatching(/ECONNREFUSED.*Start one there/) });
    expect(String(error)).not.toContain("password@");
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const server = await redis();
    const queue = await open(server, 2_000);
    const end = put(queue, request());
    await until("it stands there", async () => (await queue.overview()).jobs.length === 1);
    await server.kill();
    await expect(end).rejects.toThrow(/went away and did not come back/);
    await expect(queue.overview()).rejects.toThrow(/went away/);
  });

  it("row 68: clocks of Redis and of a worker jump by days, and no job changes hands", async () => {
    const folder = temporaryFolder();
    const shim = join(folder, "clock-shim.so");
    execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-o", shim, fileURLToPath(new URL("clock-shim.c", import.meta.url)), "-ldl"]);
    const [redisClock, workerClock] = [join(folder, "redis"), join(folder, "worker")];
    const server = await redis({ environment: { LD_PRELOAD: shim, CLOCK_SHIM: redisClock } });
    const queue = await open(server);
    const job = request();
    const end = put(queue, job);
    const holder = await worker(server, "holder", "hold", { LD_PRELOAD: shim, CLOCK_SHIM: workerClock });
    await holder.says("took");
    const other = await queue.join(card("other"));
    const client = server.client();
    onTestFinished(() => client.disconnect());
    const day = 86_400;
    for (const [place, seconds] of [
      [redisClock, 400 * day],
      [workerClock, 30 * day],
      [workerClock, -30 * day],
      [redisClock, -400 * day],
    ] as const) {
      writeFileSync(place, String(seconds));
      if (place === redisClock) {
        const [now] = await client.time();
        expect(Math.abs(Number(now) - Date.now() / 1000 - seconds), "the shim works").toBeLessThan(60);
      }
      expect(await other.take(AbortSignal.timeout(2_000)), `after a jump of ${seconds} s`).toBeNull();
      const overview = await queue.overview();
      expect(overview.workers.map(({ id }) => id).sort()).toEqual(["holder", "other"]);
      expect(overview.jobs).toMatchObject([{ id: job.id, state: "running", worker: "holder", tries: 1 }]);
    }
    holder.goOn();
    expect((await end).envelope).toBe("by holder");
    // It says so once the queue has taken its word, which may reach us first.
    await holder.says("completed");
  });
});
