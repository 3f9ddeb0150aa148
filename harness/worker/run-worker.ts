import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type BlobStore,
  type ExamEvent,
  ForgedMessage,
  type JobBody,
  JobEnded,
  type Queue,
  type TakenJob,
  type WorkerCard,
  type WorkerSeat,
} from "../../specs/contracts/queue.js";
import { sweepScratchFolders } from "../../verifiers/targets/scratch-folder.js";
import { cacheDirectory } from "../cache-directory.js";
import { packageRoot } from "../package-root.js";
import { aboutEvent, aboutResult, machineClassOf, openJob, routeOf } from "../queue/exam-job.js";
import { BlobMissing } from "../queue/job-parcel.js";
import type { Seal } from "../queue/seal.js";
import { createSandbox } from "../sandbox/create-sandbox.js";
import { createTarget, TargetUnavailable } from "../targets.js";
import { examFormats, verifierHash } from "../verifier-hash.js";
import { ExamInputError } from "./exam-child.js";
import { ExamChildren } from "./exam-children.js";

export interface WorkerOptions {
  targets: string[];
  queue: Queue;
  blobs: BlobStore;
  seal: Seal;
  /** A line for whoever watches the worker. */
  say: (text: string) => void;
  /** Ends it: a job that it is at goes back to the queue. */
  signal: AbortSignal;
}

const leaveMs = 5_000;

/** Takes jobs of its targets and has them examined, one at a time, so that what is timed is alone. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { queue, blobs, say, signal } = options;
  sweepScratchFolders();
  const card = await describeWorker(options.targets);
  const seat = await queue.join(card);
  const children = new ExamChildren(blobs);
  for (const { target, cpuModel, cores } of card.targets) say(`serving ${target}: ${cpuModel}, ${cores} cores`);
  say(`worker ${card.id} waits for jobs; Ctrl-C ends it, and gives back what it is at`);
  try {
    while (!signal.aborted) {
      const job = await seat.take(signal);
      if (job !== null) await workOn(job, { ...options, seat, children, routes: card.routes });
    }
  } finally {
    await children.close();
    // Where Redis has gone there is nobody to give anything back to; the beats that stay out say the rest.
    await Promise.race([seat.leave(), sleep(leaveMs)]);
  }
}

interface Work extends WorkerOptions {
  seat: WorkerSeat;
  children: ExamChildren;
  routes: string[];
}

async function workOn(job: TakenJob, work: Work): Promise<void> {
  const { seat, seal, say, signal } = work;
  const { id } = job.request;
  const startedAtMs = performance.now();
  const told = (how: string) => say(`${id.slice(0, 12)} ${how} after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  let sequence = 0;
  // Events go out in order, and all before the result.
  let telling: Promise<void> = Promise.resolve();
  try {
    const body = openJob(seal, job.request);
    refuseForeign(body, job, work.routes);
    say(`${id.slice(0, 12)} begun, try ${job.tries}: ${printable(body.label)}`);
    const tell = (event: ExamEvent) => {
      const envelope = seal.close("event", aboutEvent(id, job.token, sequence++), event);
      telling = telling.then(() => seat.tell(job, envelope)).catch(() => {});
    };
    const stop = AbortSignal.any([job.signal, signal]);
    const answer = await untilProvided(job, seat, stop, () => work.children.examine(body, tell, stop));
    await telling;
    const isOurs = await seat.complete(job, seal.close("result", aboutResult(id, job.token), answer));
    told(isOurs ? "done" : "done, but it had gone to another worker");
  } catch (error) {
    if (job.signal.aborted) {
      const why = job.signal.reason instanceof JobEnded ? job.signal.reason.why : "lost";
      told(why === "cancelled" ? "cancelled" : "lost: another worker has it");
      await seat.fail(job, why, false);
    } else if (signal.aborted) {
      told("given back");
      await seat.giveBack(job);
    } else {
      const reason = error instanceof Error ? error.message : String(error);
      const again = !(error instanceof ExamInputError || error instanceof ForgedMessage);
      told(`failed (${printable(reason)})`);
      await seat.fail(job, reason, again);
    }
  }
}

/** What a job names may have gone from where it lay, or be spoiled: whoever waits for the job is asked for it, a few times. */
async function untilProvided<Result>(job: TakenJob, seat: WorkerSeat, stop: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  for (let asked = 0; ; asked++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BlobMissing) || asked === 5) throw error;
      await seat.miss(job);
      await sleep(500, undefined, { signal: stop });
    }
  }
}

/** A signed job may still have been carried to where it was not meant to go. */
function refuseForeign({ key }: JobBody, { request }: TakenJob, routes: string[]): void {
  const wanted = routeOf(key.target, key.machineClass ?? key.verifierHash);
  if (wanted !== request.route || !routes.includes(wanted)) throw new ForgedMessage("the job is for other workers than this one");
}

/** What this machine is. Throws where a target or the sandbox is not available, with what to install. */
async function describeWorker(targets: string[]): Promise<WorkerCard> {
  const sandbox = createSandbox({ unsafe: false });
  const protection = sandbox.protection();
  // Kernels and trainers have examiners of their own, which may differ by themselves between two versions.
  const examiners = examFormats.map((format) => verifierHash(packageRoot(), format));
  const card: WorkerCard = {
    id: `${hostname()}-${process.pid}-${randomBytes(2).toString("hex")}`,
    host: hostname(),
    targets: [],
    routes: [],
  };
  for (const target of targets) {
    const probe = await createTarget(target, { sandbox, cacheDirectory: cacheDirectory() }).probe();
    if (probe.status === "unavailable") throw new TargetUnavailable(target, probe);
    const { machine, toolchains } = probe;
    card.targets.push({ target, cpuModel: machine.cpuModel, cores: machine.cores });
    for (const verifiers of examiners)
      card.routes.push(
        routeOf(target, verifiers),
        routeOf(target, machineClassOf({ machine, toolchains, protection, verifierHash: verifiers })),
      );
  }
  return card;
}

const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 300);
