import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Session } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { settingOf } from "../../specs/trainer/trainer-abi.js";
import { drawTextBatch } from "../../verifiers/train/draw-text-batch.js";
import { writeState } from "../../verifiers/train/observe.js";
import { TrainerProcess } from "../../verifiers/train/trainer-process.js";
import { cacheDirectory } from "../cache-directory.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { exitCodes } from "../cli/exit-codes.js";
import { UsageError } from "../cli/usage-error.js";
import { withDevice } from "../device-lock.js";
import { packageRoot } from "../package-root.js";
import { hostTargetName } from "../targets.js";
import { initialState } from "../train/initial-state.js";
import { TrainerRoom } from "../train/trainer-room.js";
import { startPyTorch } from "./peers/catalogue.js";
import { ForgedContestant, loadPeer, PyTorchContestant, writeWeights } from "./trainers/contestants.js";
import { curvePlot, type TwoCurves } from "./trainers/curve-plot.js";

interface CurveOptions {
  loaded: LoadedTrainerSpec;
  variant: string;
  trainer: string;
  steps: number;
  seed: string;
  output: string;
}

const declared = {
  spec: { type: "string", default: "minicpm-tiny" },
  variant: { type: "string", default: "f32" },
  trainer: { type: "string" },
  steps: { type: "string", default: "1000" },
  seed: { type: "string", default: "1" },
  output: { type: "string", default: "runs/curve" },
} as const;

/** Steps that one of the two takes before it is the other's turn. */
const stepsInTurn = 10;
const lastShare = 0.1;
/** As long as timers of Node reach. */
const longestMs = 20 * 24 * 3_600_000;

/** A forged trainer and PyTorch train the same weights on the same text, by turns; both losses step by step, as JSON and as a plot. */
export async function run(args: string[]): Promise<number> {
  const options = parse(args);
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const { loaded, variant } = options;
  const room = await TrainerRoom.open({ loaded, variant, target: hostTargetName, unsafe: false, signal: controller.signal });
  try {
    const curves = await withDevice(cacheDirectory(), controller.signal, () => train(room, options, controller.signal));
    mkdirSync(options.output, { recursive: true });
    writeFileSync(join(options.output, "curve.json"), `${JSON.stringify(curves)}\n`);
    writeFileSync(join(options.output, "curve.svg"), curvePlot(curves));
    process.stdout.write(`${summary(curves)}\nWrote ${relative("", options.output)}/curve.json and curve.svg\n`);
    return exitCodes.ok;
  } finally {
    await room.close();
  }
}

function parse(args: string[]): CurveOptions {
  const { values } = parseArgs({ args, options: declared });
  const steps = Number(values.steps);
  if (!Number.isInteger(steps) || steps < 2 || steps > 100_000)
    throw new UsageError(`--steps takes a whole number from 2 to 100000, not ${values.steps}`);
  const { spec: name } = values;
  const loaded = loadTrainerSpec(/\.ya?ml$/.test(name) ? name : join(packageRoot(), "specs", "models", `${name}.yaml`));
  const { variant } = values;
  const variants = Object.keys(loaded.spec.variants);
  if (!variants.includes(variant)) throw new UsageError(`--variant ${variant} is not known; there are: ${variants.join(", ")}`);
  const trainer = resolve(values.trainer ?? join("generated", loaded.spec.name, variant, hostTargetName));
  if (!existsSync(trainer)) throw new UsageError(`there is no trainer in ${trainer}: forge one, or name a folder with --trainer`);
  return { loaded, variant, trainer, steps, seed: values.seed, output: resolve(values.output) };
}

async function train(room: TrainerRoom, { loaded, variant, trainer, steps, seed }: CurveOptions, signal: AbortSignal): Promise<TwoCurves> {
  const { training, model } = loaded.spec;
  const text = await room.text();
  const batchAt = (step: number) => drawTextBatch(text, training, seed, step);
  const state = initialState(loaded.spec, seed);
  const { target, support, entries, threads } = room;
  const built = await target.build({ candidate: readCandidateFolder(trainer), support, entries, mode: "plain", threads });
  if (built.status === "failed") throw new UsageError(`${trainer} does not build: ${built.log.split("\n")[0]}`);
  const peer = await startPyTorch(threads, "trainers/pytorch_trainer.py");
  if (typeof peer === "string") throw new UsageError(peer);
  const scratch = mkdtempSync(join(tmpdir(), "forge-curve-"));
  let session: Session | null = null;
  try {
    session = await target.open({ libraries: [built.artifact], entries, threads, memory: "plain", wallMs: longestMs });
    const problem = await loadPeer(peer.process, "eager", loaded, variant, threads, writeWeights(scratch, state));
    if (problem !== null) throw new Error(`PyTorch: ${problem}`);
    const ours = new TrainerProcess(session, entries, 0);
    await ours.create(settingOf(loaded.spec, model));
    await writeState(ours, state);
    const forged = new ForgedContestant("forged", session, ours, batchAt);
    const pytorch = new PyTorchContestant("pytorch", peer.process, loaded, 0, batchAt);
    const seconds = { forged: 0, pytorch: 0 };
    for (let step = 0; step < steps; step += stepsInTurn) {
      signal.throwIfAborted();
      const count = Math.min(stepsInTurn, steps - step);
      await pytorch.freeze();
      seconds.forged += await forged.time(count);
      await pytorch.thaw();
      await forged.freeze();
      seconds.pytorch += await pytorch.time(count);
      await forged.thaw();
      const latest = [forged, pytorch].map(({ losses }) => losses.at(-1)!.toFixed(4));
      process.stderr.write(`step ${step + count}/${steps}: forged ${latest[0]}, PyTorch ${latest[1]}\n`);
    }
    return {
      ...{ spec: loaded.spec.name, variant, seed, batch: training, versions: [peer.version] },
      ...{ forged: forged.losses, pytorch: pytorch.losses, forgedSeconds: seconds.forged, pytorchSeconds: seconds.pytorch },
    };
  } finally {
    await session?.close();
    await peer.process.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function summary({ forged, pytorch, batch, forgedSeconds, pytorchSeconds }: TwoCurves): string {
  const steps = forged.length;
  const shares = forged.map((loss, step) => Math.abs(loss - pytorch[step]!) / pytorch[step]!);
  const largest = shares.reduce((worst, share, step) => (share > shares[worst]! ? step : worst), 0);
  const last = Math.max(1, Math.round(lastShare * steps));
  const mean = (values: number[]) => values.slice(-last).reduce((sum, value) => sum + value, 0) / last;
  const tokens = steps * batch.micro_batches * batch.batch * batch.length;
  return [
    `${steps} steps, ${tokens} tokens: loss ${forged[0]!.toFixed(4)} to ${mean(forged).toFixed(4)} (mean of the last ${last}); PyTorch ${pytorch[0]!.toFixed(4)} to ${mean(pytorch).toFixed(4)}`,
    `a step's losses differ by at most ${(100 * shares[largest]!).toFixed(3)} % (step ${largest + 1}), the means of the last ${last} by ${((100 * Math.abs(mean(forged) - mean(pytorch))) / mean(pytorch)).toFixed(3)} %`,
    `${(tokens / forgedSeconds).toFixed(0)} tokens/s forged, ${(tokens / pytorchSeconds).toFixed(0)} PyTorch eager`,
  ].join("\n");
}
