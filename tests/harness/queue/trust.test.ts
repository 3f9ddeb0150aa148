import { randomBytes } from "node:crypto";
import { Worker as BullWorker, Job } from "bullmq";
import { describe, expect, it, onTestFinished } from "vitest";
import { RedisServer } from "../../../harness/bench/queue/redis-server.js";
import { aboutEvent, aboutResult, openJob, signJob } from "../../../harness/queue/exam-job.js";
import { packCandidate, unpackCandidate } from "../../../harness/queue/job-parcel.js";
import { redisAddress } from "../../../harness/queue/redis-link.js";
import { RedisQueue } from "../../../harness/queue/redis-queue.js";
import { RemoteExaminer } from "../../../harness/queue/remote-examiner.js";
import { Seal } from "../../../harness/queue/seal.js";
import type { JobRequest, TakenJob, WorkerSeat } from "../../../specs/contracts/queue.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { honestBody, rmsnormCandidate } from "../../small-spec.js";
import { card, until } from "./conformance-parts.js";

const secret = randomBytes(32).toString("hex");
const seal = new Seal(secret);
const strangers = new Seal(randomBytes(32).toString("hex"));
const loaded = loadSpec("specs/kernels/rmsnorm.yaml");
const candidate = rmsnormCandidate(honestBody);
const silent = { started: () => {}, finished: () => {} };

/** As a worker describes its machine; what stands in it is of no interest here. */
const description = {
  machine: { target: "x86-64", cpuModel: "a chip", isa: [], cores: 2, memoryBytes: 1, cacheBytes: { l1d: 1, l2: 1, l3: 1 } },
  toolchains: [{ name: "gcc", version: "1", path: "/gcc" }],
  protection: { kind: "bubblewrap", version: "1", protections: [] },
  threads: 1,
  tuningSpace: { compilers: [], optimisation: [], mathematics: [], vectors: [], unrolling: [], machine: [], openmp: null },
  chipFacts: "facts",
};

/** A goal at a queue, a seat that takes its jobs, and a stranger's connection to the same Redis, which may do everything there. */
async function scene() {
  const server = await RedisServer.start();
  const address = redisAddress(server.url, "trust");
  const queue = await RedisQueue.open(address, { beatMs: 100, missedBeats: 10 });
  const stranger = server.client();
  const stop = new AbortController();
  onTestFinished(async () => {
    stop.abort();
    await queue.close();
    stranger.disconnect();
    await server.stop();
  });
  const open = RemoteExaminer.open({
    loaded,
    variant: "f32",
    target: "x86-64",
    queue,
    blobs: queue.blobStore(null),
    seal,
    signal: stop.signal,
    notice: () => {},
  });
  open.catch(() => {});
  const seatFor = async (): Promise<{ seat: WorkerSeat; job: TakenJob }> => {
    await until("a job waits", async () => (await queue.overview()).jobs.some(({ state }) => state !== "running"));
    const routes = (await stranger.smembers("trust:~routes")) as string[];
    const seat = await queue.join(card(`w-${routes.length}`, routes));
    return { seat, job: (await seat.take(AbortSignal.timeout(10_000)))! };
  };
  const first = await seatFor();
  await first.seat.complete(first.job, seal.close("result", aboutResult(first.job.request.id, first.job.token), description));
  return { queue, stranger, examiner: await open, seatFor, describeJob: first.job };
}

describe("a stranger at Redis", { timeout: 60_000 }, () => {
  it("cannot answer: not without the secret, nor with another one", async () => {
    const { examiner, seatFor } = await scene();
    for (const forge of [
      () => JSON.stringify({ outcome: "surpassed" }),
      (job: TakenJob) => strangers.close("result", aboutResult(job.request.id, job.token), { outcome: "surpassed" }),
      // What is signed as something else: a job's own envelope, an event.
      (job: TakenJob) => job.request.body,
      (job: TakenJob) => seal.close("event", aboutEvent(job.request.id, job.token, 0), { type: "check-started", check: "rules" }),
    ]) {
      const verdict = examiner.judge(candidate, true, silent);
      verdict.catch(() => {});
      const { seat, job } = await seatFor();
      await seat.complete(job, forge(job));
      await expect(verdict).rejects.toThrow(/a result in the queue is not signed/);
    }
  });

  it("cannot give a genuine result another question: neither an old one anew, nor those of two jobs exchanged", async () => {
    const { examiner, seatFor } = await scene();
    const [one, other] = [examiner.judge(candidate, true, silent), examiner.judge(candidate, true, silent)];
    for (const verdict of [one, other]) verdict.catch(() => {});
    const [first, second] = [await seatFor(), await seatFor()];
    expect(first.job.request.id).not.toBe(second.job.request.id);
    const genuine = ({ job }: typeof first) => seal.close("result", aboutResult(job.request.id, job.token), { outcome: "passed" });
    await first.seat.complete(first.job, genuine(second));
    await second.seat.complete(second.job, genuine(first));
    await expect(one).rejects.toThrow(/not signed/);
    await expect(other).rejects.toThrow(/not signed/);
    // Asked again for the very same code, an old result does not do: the question has a nonce.
    const again = examiner.judge(candidate, true, silent);
    again.catch(() => {});
    const third = await seatFor();
    await third.seat.complete(third.job, genuine(first));
    await expect(again).rejects.toThrow(/not signed/);
    // And that of an earlier try of the same job stands for that try alone.
    const last = examiner.judge(candidate, true, silent);
    last.catch(() => {});
    const earlier = await seatFor();
    await earlier.seat.giveBack(earlier.job);
    const later = await seatFor();
    expect(later.job.request.id).toBe(earlier.job.request.id);
    await later.seat.complete(later.job, genuine(earlier));
    await expect(last).rejects.toThrow(/not signed/);
  });

  it("cannot write a result into the job itself, past BullMQ", async () => {
    const { examiner, seatFor, stranger } = await scene();
    const verdict = examiner.judge(candidate, true, silent);
    verdict.catch(() => {});
    const { job } = await seatFor();
    const { id, route } = job.request;
    const envelope = strangers.close("result", aboutResult(id, job.token), { outcome: "surpassed" });
    await stranger.hset(`trust:${route}:${id}`, {
      finishedOn: Date.now(),
      returnvalue: JSON.stringify({ envelope, token: job.token }),
    });
    await expect(verdict).rejects.toThrow(/not signed/);
  });

  it("cannot block an attempt for good: asked again after a forgery, a worker judges it", async () => {
    const { examiner, seatFor } = await scene();
    const ask = () => {
      const verdict = examiner.judge(candidate, false, silent, "attempt 1 of a-run");
      verdict.catch(() => {});
      return verdict;
    };
    const forged = ask();
    const first = await seatFor();
    await first.seat.complete(first.job, strangers.close("result", aboutResult(first.job.request.id, first.job.token), {}));
    await expect(forged).rejects.toThrow(/not signed/);
    const judged = ask();
    const { seat, job } = await seatFor();
    expect(job.request.id).toBe(first.job.request.id);
    await seat.complete(job, seal.close("result", aboutResult(job.request.id, job.token), { outcome: "passed" }));
    expect(await judged).toEqual({ outcome: "passed" });
    // And now the answer stands: it is not asked a third time.
    expect(await ask()).toEqual({ outcome: "passed" });
  });

  it("cannot put words into a worker's mouth while it judges, nor repeat or reorder them", async () => {
    const { examiner, seatFor, stranger } = await scene();
    const event = { type: "check-started", check: "speed" };
    for (const forge of [
      (job: TakenJob) => strangers.close("event", aboutEvent(job.request.id, job.token, 0), event),
      // Genuine, but said in another place of the conversation.
      (job: TakenJob) => seal.close("event", aboutEvent(job.request.id, job.token, 1), event),
      (job: TakenJob) => seal.close("event", aboutEvent(job.request.id, "another token", 0), event),
    ]) {
      const heard: string[] = [];
      const verdict = examiner.judge(candidate, true, { started: (check) => heard.push(check), finished: () => {} });
      verdict.catch(() => {});
      const { job } = await seatFor();
      await stranger.xadd(`trust:~events:${job.request.id}`, "*", "token", job.token, "envelope", forge(job));
      await expect(verdict).rejects.toThrow(/an event in the queue is not signed/);
      expect(heard).toEqual([]);
    }
  });

  it("cannot have anything run: a worker opens only what the controller signed, as it signed it", async () => {
    const { describeJob } = await scene();
    const { request } = describeJob;
    const body = openJob(seal, request);
    const altered: [string, JobRequest][] = [
      ["unsigned", { ...request, body: JSON.stringify({ content: JSON.stringify(body), mac: "0".repeat(64) }) }],
      ["of no form", { ...request, body: "x" }],
      ["with another secret", signJob(strangers, body, request)],
      ["of another number", { ...request, id: "0".repeat(64) }],
      ["on another route", { ...request, route: "x86-64@0000000000000000" }],
      ["more urgent", { ...request, priority: 9 }],
      ["with other files", { ...request, body: request.body.replace(body.spec.hash, "0".repeat(64)) }],
    ];
    for (const [what, job] of altered) expect(() => openJob(seal, job), what).toThrow(/not signed/);
    // Signed, but the number is that of another content.
    const other = signJob(seal, { ...body, key: { ...body.key, nonce: "another" } }, request);
    const { id, ...rest } = request;
    const mixed = { id, ...rest, body: seal.close("job", { ...rest, id, body: undefined }, openJob(seal, other)) };
    expect(() => openJob(seal, mixed)).toThrow();
  });

  it("cannot exchange a source: what has another hash is not there", async () => {
    const { queue, stranger } = await scene();
    const blobs = queue.blobStore(null);
    const { files, source } = packCandidate(candidate);
    for (const file of files) await blobs.put(file);
    expect(await unpackCandidate(source, blobs)).toEqual(candidate);
    await stranger.set(`trust:~blob:${source["kernel.c"]}`, "int evil(void) { return 1; }\n");
    await expect(unpackCandidate(source, blobs)).rejects.toThrow(/is not there, or is another/);
    await expect(unpackCandidate({ "../../etc/cron.d/x": source["forge.json"]! }, blobs)).rejects.toThrow(/leads out/);
  });

  it("finds the secret nowhere", async () => {
    const { stranger, queue } = await scene();
    for (const key of await stranger.keys("*")) expect(String(await stranger.dump(key)), key).not.toContain(secret.slice(0, 16));
    expect(JSON.stringify(await queue.overview())).not.toContain(secret);
  });

  it("may as a worker of its own take a job away, and is not believed; the goal hears why", async () => {
    const { examiner, stranger } = await scene();
    const verdict = examiner.judge(candidate, true, silent);
    verdict.catch(() => {});
    let route = "";
    await until("the job is there", async () => {
      for (const name of await stranger.smembers("trust:~routes"))
        if ((await stranger.zcard(`trust:${name}:prioritized`)) > 0) route = name;
      return route !== "";
    });
    const thief = new BullWorker(route, null, { connection: stranger, prefix: "trust", autorun: false });
    thief.on("error", () => {});
    const job = await thief.getNextJob("a token", { block: false });
    if (!(job instanceof Job)) throw new Error("nothing was taken");
    await job.moveToCompleted({ envelope: JSON.stringify({ content: "{}", mac: "f".repeat(64) }), token: "a token" }, "a token", false);
    await expect(verdict).rejects.toThrow(/do not have the same secret, or somebody else writes to this Redis/);
    await thief.close(true);
  });
});
