import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { freePort, RedisServer } from "../../harness/bench/queue/redis-server.js";
import { redisAddress } from "../../harness/queue/redis-link.js";
import { RedisQueue } from "../../harness/queue/redis-queue.js";
import { RemoteExaminer } from "../../harness/queue/remote-examiner.js";
import { Seal } from "../../harness/queue/seal.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { mainPath, runForge } from "../harness/cli/run-forge.js";
import { until } from "../harness/queue/conformance-parts.js";
import { untilEnd } from "../harness/store/child.js";
import { honestBody, lastingFolder, rmsnormCandidate, shrink, smallRmsnorm, writeSmallSpec } from "../small-spec.js";
import { isBusy, streamForge } from "./forge-process.js";
import { descendants, hasEnded, secret, startWorker } from "./queue-worker.js";

const minutes = 60_000;
let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.stop());
// What one test leaves behind is nothing to the next.
beforeEach(async () => {
  const client = server.client();
  await client.flushall();
  client.disconnect();
});

async function examiner(signal: AbortSignal = new AbortController().signal) {
  const queue = await RedisQueue.open(redisAddress(server.url, "forge"));
  onTestFinished(() => queue.close());
  const shared = { queue, blobs: queue.blobStore(null), seal: new Seal(secret) };
  const open = (own = signal) =>
    RemoteExaminer.open({ loaded: smallRmsnorm(), variant: "f32", target: "x86-64", threads: 1, ...shared, signal: own, notice: () => {} });
  return { queue, open };
}
const silent = { started: () => {}, finished: () => {} };

describe("a goal whose candidates a worker judges", { timeout: 15 * minutes }, () => {
  it("ends accepted, and the secret is nowhere but in the two processes", async () => {
    const folder = lastingFolder();
    const path = writeSmallSpec("rmsnorm", shrink, folder);
    expect(runForge(["lint", path, "--variant", "f32"], folder).code).toBe(0);
    const worker = await startWorker(server.url);
    const environment = { FORGE_REDIS: server.url, FORGE_QUEUE_SECRET: secret };
    const goal = ["goal", "specs/kernels/rmsnorm.yaml", "--threads", "1"];
    let ended = await streamForge(goal, folder, () => {}, environment);
    if (ended.code === 4 && ended.events.some(isBusy)) ended = await streamForge(goal, folder, () => {}, environment);
    expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: "" });
    const certificate = JSON.parse(readFileSync(join(folder, "generated/rmsnorm/f32/x86-64/certificate.json"), "utf8"));
    expect(certificate).toMatchObject({ outcome: "surpassed", threads: 1, sandbox: { kind: "bubblewrap" } });
    const checks = ended.events.flatMap((event) => (event.type === "check-finished" ? [`${event.attempt} ${event.result.check}`] : []));
    expect(new Set(checks).size).toBe(checks.length);
    expect(checks).toContain("1 speed");

    const look = () => JSON.parse(runForge(["workers", "--json", "--redis", server.url]).stdout);
    const overview = look();
    expect(overview).toMatchObject({ jobs: [], failedJobs: 0, workers: [{ targets: [{ target: "x86-64" }], jobs: [] }] });
    expect(overview.finishedJobs).toBeGreaterThan(5);
    // A worker writes of itself with every beat.
    await until("the worker has counted them all", () => look().workers[0].finishedJobs === overview.finishedJobs);

    const client = server.client();
    onTestFinished(() => client.disconnect());
    for (const key of await client.keys("*")) expect(((await client.dumpBuffer(key)) ?? "").includes(secret), key).toBe(false);
    expect(worker.said()).not.toContain(secret);
    expect(spawnSync("grep", ["-rl", secret, folder], { encoding: "utf8" }).stdout).toBe("");
    const helpers = descendants(worker.child.pid!);
    expect(helpers.length).toBeGreaterThan(0);
    for (const { pid } of helpers)
      if (existsSync(`/proc/${pid}/environ`)) expect(readFileSync(`/proc/${pid}/environ`, "latin1")).not.toContain(secret);

    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    expect(JSON.parse(runForge(["workers", "--json", "--redis", server.url]).stdout).workers).toEqual([]);
  });
});

/** How often it went from one chip to the other. */
const turns = (judged: string[]): number => judged.filter((target, index) => index > 0 && target !== judged[index - 1]).length;

describe("a goal for every chip", { timeout: 20 * minutes }, () => {
  it("is forged side by side, one worker taking turns between them", async () => {
    const folder = lastingFolder();
    const path = writeSmallSpec("rmsnorm", shrink, folder);
    expect(runForge(["lint", path, "--variant", "f32"], folder).code).toBe(0);
    const worker = await startWorker(server.url, { targets: "x86-64,wasm-simd" });
    const goal = ["goal", "specs/kernels/rmsnorm.yaml", "--threads", "1", "--target", "all"];
    // By chip and in order, what the worker has judged; seen enough, it is interrupted: to their ends both would take minutes.
    const targets = new Map<string, string>();
    const judged: string[] = [];
    let interrupted = false;
    const look = (event: ForgeEvent, child: ChildProcess) => {
      if (event.type === "run-started") targets.set(event.run, event.goal.target);
      if (event.type === "trial-finished") judged.push(targets.get(event.run)!);
      // Once: a second Ctrl-C ends it at once, whatever is still to be written.
      if (turns(judged) >= 3 && !interrupted) interrupted = child.kill("SIGINT");
    };
    const ended = await streamForge(goal, folder, look, { FORGE_REDIS: server.url, FORGE_QUEUE_SECRET: secret });
    expect({ code: ended.code, errors: ended.errors }).toMatchObject({ code: 130 });
    expect([...targets.values()].sort()).toEqual(["wasm-simd", "x86-64"]);
    expect(turns(judged)).toBeGreaterThanOrEqual(3);
    const ends = ended.events.flatMap((event) => (event.type === "run-finished" ? [event.end] : []));
    expect(ends).toEqual(["interrupted", "interrupted"]);
    worker.child.kill("SIGTERM");
    await worker.ended;
  });
});

describe("a worker", { timeout: 5 * minutes }, () => {
  it("row 70: ends a cancelled job with all its processes, and goes on with the next", async () => {
    const worker = await startWorker(server.url);
    const { open } = await examiner();
    const stop = new AbortController();
    const room = await open(stop.signal);
    const hanging = rmsnormCandidate(`${honestBody}\n  for (volatile int forever = 1; forever;) ;`);
    let busy: ReturnType<typeof descendants> = [];
    const cancel = () => {
      // Before they can be gone.
      busy = descendants(worker.child.pid!);
      stop.abort();
    };
    const verdict = room.judge(hanging, true, {
      started: () => {},
      finished: ({ check }) => check === "build" && setTimeout(cancel, 1_500),
    });
    await expect(verdict).rejects.toThrow(/abort/i);
    expect(busy.map(({ command }) => command).join("\n")).toMatch(/bwrap|runner/);
    await until("all of its processes are gone", () => descendants(worker.child.pid!).length === 0);
    // They die with the process that is killed, which takes the kernel a moment.
    for (const { pid, command } of busy) await until(`${pid} (${command}) is gone`, () => hasEnded(pid), 5_000);
    await worker.says("cancelled after");
    expect((await (await open()).judge(rmsnormCandidate(honestBody), true, silent)).outcome).toBe("passed");
    worker.child.kill("SIGTERM");
    await worker.ended;
  });

  it("brings a verdict's evidence as it was found, numbers that are not finite among it", async () => {
    const worker = await startWorker(server.url);
    const { open } = await examiner();
    const overflows = rmsnormCandidate(`${honestBody}\n  y[0] = __builtin_inff();`);
    const told: unknown[] = [];
    const verdict = await (await open()).judge(overflows, true, {
      started: () => {},
      finished: (result) => result.status === "failed" && told.push(...result.evidence),
    });
    const evidence = verdict.checks.flatMap((check) => (check.status === "failed" ? check.evidence : []));
    expect(evidence[0]).toMatchObject({ kind: "alignment", visibility: "public" });
    expect(JSON.stringify(evidence, (_key, value) => (value === Number.POSITIVE_INFINITY ? "endless" : value))).toContain(
      '"got":"endless"',
    );
    expect(told).toEqual(evidence);
    worker.child.kill("SIGTERM");
    await worker.ended;
  });

  it("gives its job back when it is told to end; what kills its exam process does not kill it", async () => {
    const first = await startWorker(server.url);
    const { queue, open } = await examiner();
    const room = await open();
    const judged = room.judge(rmsnormCandidate(honestBody), true, silent);
    judged.catch(() => {});
    await until("it is at it", async () => (await queue.overview()).jobs.some(({ state }) => state === "running"));
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect((await queue.overview()).jobs).toMatchObject([{ state: "unschedulable", tries: 0, worker: null }]);
    const second = await startWorker(server.url);
    await until("it examines", () => descendants(second.child.pid!).some(({ command }) => command.includes("exam-process")));
    const { pid } = descendants(second.child.pid!).find(({ command }) => command.includes("exam-process"))!;
    process.kill(pid, "SIGKILL");
    expect((await judged).outcome).toBe("passed");
    await second.says("ended with SIGKILL");
    second.child.kill("SIGTERM");
    await second.ended;
  });

  it("runs nothing of another secret's controller, and says so to both", async () => {
    const worker = await startWorker(server.url);
    const queue = await RedisQueue.open(redisAddress(server.url, "forge"));
    onTestFinished(() => queue.close());
    const stranger = RemoteExaminer.open({
      loaded: smallRmsnorm(),
      variant: "f32",
      target: "x86-64",
      queue,
      blobs: queue.blobStore(null),
      seal: new Seal("x".repeat(64)),
      signal: new AbortController().signal,
      notice: () => {},
    });
    await expect(stranger).rejects.toThrow(/a job in the queue is not signed/);
    expect(descendants(worker.child.pid!)).toEqual([]);
    await worker.says("is not signed as it must be");
    worker.child.kill("SIGTERM");
    await worker.ended;
  });

  it("asks again for sources that somebody exchanged, and runs only what its hashes name", async () => {
    const first = await startWorker(server.url);
    const { queue, open } = await examiner();
    const room = await open();
    first.child.kill("SIGTERM");
    await first.ended;
    const verdict = room.judge(rmsnormCandidate(honestBody), true, silent);
    verdict.catch(() => {});
    await until("it waits", async () => (await queue.overview()).jobs.length === 1);
    const client = server.client();
    onTestFinished(() => client.disconnect());
    const blobs = await client.keys("forge:~blob:*");
    expect(blobs.length).toBeGreaterThan(3);
    for (const key of blobs) await client.set(key, "int evil(void) { return 1; }");
    const second = await startWorker(server.url);
    expect((await verdict).outcome).toBe("passed");
    for (const key of blobs) expect(await client.get(key)).not.toContain("evil");
    second.child.kill("SIGTERM");
    await second.ended;
  });
});

describe("what is missing is said at once", { timeout: 2 * minutes }, () => {
  it("row 67: no Redis, a wrong address, no secret, one that others can read", async () => {
    const nobody = `redis://127.0.0.1:${await freePort()}`;
    const startedAt = performance.now();
    expect(runForge(["worker", "--redis", nobody], undefined, { FORGE_QUEUE_SECRET: secret })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("no Redis can be used at"),
    });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    const goal = ["goal", "specs/kernels/rmsnorm.yaml", "--redis"];
    expect(runForge([...goal, "nonsense"], undefined, { FORGE_QUEUE_SECRET: secret })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("use redis://host:6379"),
    });
    expect(runForge([...goal, server.url])).toMatchObject({ code: 4, stderr: expect.stringContaining("openssl rand -hex 32") });
    expect(runForge([...goal, server.url, "--secret-file", "package.json"])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("chmod 600"),
    });
    expect(runForge(["workers"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--redis") });
  });

  it("row 69: a target that nobody serves is shown, and told to whoever waits", async () => {
    const words = ["goal", "specs/kernels/rmsnorm.yaml", "--target", "wasm-simd", "--redis", server.url];
    const goal = spawn(process.execPath, [mainPath, ...words, "--runs", lastingFolder()], {
      env: { ...process.env, FORGE_QUEUE_SECRET: secret },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void goal.kill("SIGKILL"));
    const waiting = untilEnd(goal);
    const look = () => runForge(["workers", "--redis", server.url]).stdout;
    let told = "";
    goal.stderr.on("data", (text: Buffer) => {
      told += text.toString("utf8");
    });
    await until("it is shown", () => look().includes("unschedulable"), 60_000);
    await until("it is told", () => told.includes("waiting:"));
    expect(look()).toContain("No worker fits what waits for wasm-simd");
    goal.kill("SIGINT");
    const ended = await waiting;
    expect(ended.errors).toContain("waiting: no worker serves wasm-simd; start one with: forge worker --target wasm-simd");
    expect(ended.code).toBe(130);
    expect(look()).toContain(", 0 jobs waiting or running");
  });
});
