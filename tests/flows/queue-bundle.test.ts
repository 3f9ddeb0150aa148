import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { RedisServer } from "../../harness/bench/queue/redis-server.js";
import { readCandidateFolder } from "../../harness/candidate-folder.js";
import { redisAddress } from "../../harness/queue/redis-link.js";
import { RedisQueue } from "../../harness/queue/redis-queue.js";
import { RemoteExaminer } from "../../harness/queue/remote-examiner.js";
import { Seal } from "../../harness/queue/seal.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { honestBody, lastingFolder, rmsnormCandidate, smallRmsnorm } from "../small-spec.js";
import { writeNanoSpec, writeTrainerFolder } from "./nano-trainer.js";
import { descendants, secret, startWorker } from "./queue-worker.js";

const silent = { started: () => {}, finished: () => {} };

it("a worker runs as one bundled file on a machine without any package, and judges kernels and trainers", {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "forge-bare-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const bundled = spawnSync(process.execPath, ["scripts/bundle.mjs", join(folder, "made")], { encoding: "utf8" });
  expect(bundled).toMatchObject({ status: 0, stderr: "" });
  cpSync(join(folder, "made"), join(folder, "copied"), { recursive: true });
  rmSync(join(folder, "made"), { recursive: true });
  const bare = join(folder, "copied");
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  const worker = await startWorker(server.url, { program: [join(bare, "forge-worker.mjs")], folder: bare });
  const queue = await RedisQueue.open(redisAddress(server.url, "forge"));
  onTestFinished(() => queue.close());
  const shared = { queue, blobs: queue.blobStore(null), seal: new Seal(secret), signal: new AbortController().signal, notice: () => {} };
  const open = (loaded: LoadedExam) => RemoteExaminer.open({ loaded, variant: "f32", target: "x86-64", threads: 1, ...shared });
  const verdict = await (await open(smallRmsnorm())).judge(rmsnormCandidate(honestBody), true, silent);
  expect(verdict).toMatchObject({ outcome: "passed", quick: true });
  expect(descendants(worker.child.pid!).some(({ command }) => command.includes(bare))).toBe(true);

  // A trainer too, with the text that it trains on.
  const loaded = loadTrainerSpec(writeNanoSpec(lastingFolder()));
  const trainer = readCandidateFolder(writeTrainerFolder(join(lastingFolder(), "trainer"), loaded.referenceText, "-O2"));
  const room = await open(loaded);
  const events: string[] = [];
  const judged = await room.judge(trainer, true, { started: (check) => events.push(check), finished: () => {} });
  expect(judged).toMatchObject({ outcome: "passed", quick: true });
  expect(events).toEqual(expect.arrayContaining(["forward", "backward", "steps", "checkpoint"]));
  expect(await room.try(trainer)).toEqual({ trainer_step: { status: "measured", seconds: expect.any(Number) } });
  const decayed = loaded.referenceText.replace("decay = trainer.tensors[tensor].is_gain ? 0 : constant", "decay = constant");
  const wrong = readCandidateFolder(writeTrainerFolder(join(lastingFolder(), "trainer"), decayed, "-O2"));
  expect((await room.judge(wrong, true, silent)).checks.at(-1)).toMatchObject({ check: "steps", status: "failed" });
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
});
