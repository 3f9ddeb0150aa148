import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { modelFlops } from "../../specs/trainer/step-work.js";
import { settingOf } from "../../specs/trainer/trainer-abi.js";
import { deriveSeed, freshSeed, Random } from "../../verifiers/numerics/random.js";
import { estimateRatio } from "../../verifiers/speed/sequential-test.js";
import { drawFreshState } from "../../verifiers/train/draw-state.js";
import { drawTextBatch } from "../../verifiers/train/draw-text-batch.js";
import { writeState } from "../../verifiers/train/observe.js";
import { shareOfPeak } from "../../verifiers/train/share-of-peak.js";
import { TrainerProcess } from "../../verifiers/train/trainer-process.js";
import { cacheDirectory } from "../cache-directory.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { type ExitCode, exitCodes } from "../cli/exit-codes.js";
import { UsageError } from "../cli/usage-error.js";
import { withDevice } from "../device-lock.js";
import { forgeVersion } from "../forge-version.js";
import { hostTargetName } from "../targets.js";
import { TrainerRoom } from "../train/trainer-room.js";
import { ContestantFailure } from "./kernels/contestant.js";
import { interleave, MachineBusy } from "./kernels/interleave.js";
import { startPyTorch } from "./peers/catalogue.js";
import type { PeerProcess } from "./peers/peer-process.js";
import {
  ForgedContestant,
  loadPeer,
  type PeerMode,
  PyTorchContestant,
  type TrainingContestant,
  writeWeights,
} from "./trainers/contestants.js";
import { parseTrainerBenchOptions, type TrainerBenchOptions } from "./trainers/options.js";
import { type TrainerRow, trainerTableText } from "./trainers/table.js";

const peers: Record<string, PeerMode> = { "pytorch-eager": "eager", "pytorch-compiled": "compiled", "hf-eager": "hf" };
/** Largest relative difference of the first losses: the weights and batches are the same, the order of sums is not. */
const lossShare: Record<string, number> = { f32: 1e-4, bf16: 1e-2 };
const comparedSteps = 2;

/** A forged trainer beside PyTorch on the same weights and text, each in a process of its own, interleaved; the ones that wait are frozen. */
export async function run(args: string[]): Promise<number> {
  const options = parseTrainerBenchOptions(args);
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const rows: TrainerRow[] = [];
  const versions = new Set<string>();
  let machine = "";
  let threads = 0;
  const startedAt = new Date().toISOString();
  for (const loaded of options.specs)
    for (const variant of options.variants) {
      const folder = options.trainer ?? join(options.generated, loaded.spec.name, variant, hostTargetName);
      if (!existsSync(folder)) {
        rows.push({ spec: loaded.spec.name, variant, trainer: "forged", status: "skipped", reason: `there is no ${relative("", folder)}` });
        continue;
      }
      const open = { loaded, variant, target: hostTargetName, unsafe: false, signal: controller.signal };
      const room = await TrainerRoom.open(options.threads === null ? open : { ...open, threads: options.threads });
      try {
        const { cpuModel, cores, memoryBytes, isa } = room.machine;
        machine = `${cpuModel}, ${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB, ${isa.join(" ")}`;
        threads = room.threads;
        for (const { name, version } of room.toolchains) versions.add(`${name} ${version}`);
        process.stderr.write(`measuring ${loaded.spec.name} ${variant}\n`);
        const measured = await withDevice(cacheDirectory(), controller.signal, () =>
          measureModel(room, variant, folder, options, versions, controller.signal),
        );
        rows.push(...measured);
        if (options.profile) process.stderr.write(`${await room.profile(readCandidateFolder(folder))}\n`);
      } finally {
        await room.close();
      }
    }
  if (rows.every(({ status }) => status === "skipped"))
    throw new UsageError(`nothing to measure: ${rows.map(({ reason }) => reason).join("; ")}; forge it, or name a folder with --trainer`);
  const table = {
    ...{ machine, threads, startedAt, rounds: options.rounds, rows },
    versions: [`forge ${forgeVersion()}`, `node ${process.version}`, ...versions],
    command: ["forge bench trainers", ...args].join(" "),
  };
  process.stdout.write(`${trainerTableText(table, options.format)}\n`);
  return exitCodeOf(rows);
}

async function measureModel(
  room: TrainerRoom,
  variant: string,
  folder: string,
  options: TrainerBenchOptions,
  versions: Set<string>,
  signal: AbortSignal,
): Promise<TrainerRow[]> {
  const { loaded, target, threads } = room;
  const { model, training } = loaded.spec;
  const seed = freshSeed();
  const text = await room.text();
  const batchAt = (step: number) => drawTextBatch(text, training, seed, step);
  const setting = settingOf(loaded.spec, model);
  // From the first step on: PyTorch's AdamW corrects its bias by its own count of them.
  const state = drawFreshState(setting, 0, deriveSeed(seed, "weights"));
  const scratch = mkdtempSync(join(tmpdir(), "forge-bench-trainers-"));
  const named = (trainer: string, row: Omit<TrainerRow, "spec" | "variant" | "trainer">): TrainerRow => ({
    ...{ spec: loaded.spec.name, variant, trainer },
    ...row,
  });
  const rows: TrainerRow[] = [];
  const running: PeerProcess[] = [];
  const built = await target.build({
    ...{ candidate: readCandidateFolder(folder), support: room.support, entries: room.entries, mode: "plain", threads },
  });
  if (built.status === "failed") return [named("forged", { status: "failed", reason: `does not build: ${built.log.split("\n")[0]}` })];
  const session = await target.open({ libraries: [built.artifact], entries: room.entries, threads, memory: "plain", wallMs: 14_400_000 });
  try {
    const trainer = new TrainerProcess(session, room.entries, 0);
    await trainer.create(setting);
    await writeState(trainer, state);
    const forged = new ForgedContestant("forged", session, trainer, batchAt);
    const contestants: TrainingContestant[] = [forged];
    const weights = writeWeights(scratch, state);
    for (const [name, mode] of Object.entries(peers)) {
      const started = await startPyTorch(threads, "trainers/pytorch_trainer.py");
      if (typeof started === "string") {
        if (process.env.CI) throw new Error(`${name} is not here, and CI is set: ${started}`);
        rows.push(named(name, { status: "skipped", reason: started }));
        continue;
      }
      running.push(started.process);
      versions.add(started.version);
      const problem = await loadPeer(started.process, mode, loaded, variant, threads, weights);
      if (problem === null) contestants.push(new PyTorchContestant(name, started.process, loaded, state.completedSteps, batchAt));
      else rows.push(named(name, { status: "failed", reason: problem }));
    }
    const { secondsPerCall } = await interleave({
      contestants,
      rounds: options.rounds,
      random: new Random(seed),
      ourCpuSeconds: () => [session, ...running].reduce((sum, ours) => sum + ours.cpuSeconds(), 0),
      acceptLoad: options.acceptLoad,
      betweenRounds: async () => {},
      signal,
    });
    const own = secondsPerCall.get("forged")!;
    for (const contestant of contestants) {
      const seconds = secondsPerCall.get(contestant.name)!;
      const perStep = median(seconds);
      const estimate = estimateRatio(seconds.map((value, round) => Math.log(value / own[round]!)));
      const forgedOver = { ratio: Math.exp(estimate.median), low: Math.exp(estimate.low), high: Math.exp(estimate.high) };
      rows.push(
        named(contestant.name, {
          status: "measured",
          tokensPerSecond: (training.micro_batches * training.batch * training.length) / perStep,
          modelFlopsUtilisation: await shareOfPeak(target, room.variant, threads, modelFlops(model, training) / perStep),
          peakBytes: await contestant.peakBytes(),
          ...(contestant === forged ? {} : { forgedOver }),
          ...remarkOn(contestant, forged, room, variant),
        }),
      );
    }
    return rows;
  } catch (error) {
    if (!(error instanceof ContestantFailure) && !(error instanceof MachineBusy)) throw error;
    const trainer = error instanceof ContestantFailure ? error.contestant : "forged";
    return [...rows, named(trainer, { status: "failed", reason: error.message })];
  } finally {
    await session.thaw();
    await session.close();
    for (const peer of running) await peer.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Whether it trains the same model: its first losses beside the forged trainer's, which the exam has judged. */
function remarkOn(contestant: TrainingContestant, forged: TrainingContestant, room: TrainerRoom, variant: string): { remark?: string } {
  if (contestant === forged) return {};
  if (contestant.name === "hf-eager" && room.loaded.spec.mup) return { remark: "without muP's scales, which it does not know" };
  const shares = forged.losses.slice(0, comparedSteps).map((loss, step) => Math.abs(contestant.losses[step]! - loss) / loss);
  const worst = Math.max(...shares);
  if (worst > (lossShare[variant] ?? 1e-2))
    throw new ContestantFailure(
      contestant.name,
      `trains another model: losses ${contestant.losses.slice(0, comparedSteps).join(", ")}, the forged trainer has ${forged.losses.slice(0, comparedSteps).join(", ")}`,
    );
  return { remark: worst === 0 ? "first losses are the same" : `first losses agree to ${worst.toExponential(0)}` };
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

function exitCodeOf(rows: TrainerRow[]): ExitCode {
  return rows.some(({ status }) => status === "failed") ? exitCodes.errored : exitCodes.ok;
}
