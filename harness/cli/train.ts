import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Command } from "commander";
import type { TrainingStep } from "../train/train-run.js";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { positiveInteger } from "./option-values.js";
import { requireVariant } from "./require-known.js";
import { UsageError } from "./usage-error.js";

interface TrainCommandOptions {
  variant?: string;
  trainer?: string;
  steps?: number;
  output?: string;
  seed: string;
  checkpointEvery: number;
  threads?: number;
  resume?: boolean;
  json?: boolean;
  unsafeNoSandbox?: boolean;
}

export function declareTrain(program: Command, host: CommandHost): void {
  program
    .command("train")
    .argument("<spec>", "the model and its training, e.g. specs/models/minicpm-tiny.yaml")
    .summary("train a model with a forged trainer")
    .description(
      "Trains the spec's model on the text that Forge ships, with a trainer that was accepted (or any other), in its sandbox. Leaves log.jsonl, " +
        "checkpoint.forge, and at the end hf/: config.json and model.safetensors, which transformers loads as LlamaForCausalLM.",
    )
    .option("--variant <name>", "storage types (default: the spec's first)")
    .option("--trainer <folder>", "the trainer's code (default: what was accepted, generated/<spec>/<variant>/x86-64)")
    .option("--steps <count>", "steps in all (default: the schedule's total_steps)", positiveInteger)
    .option("--output <folder>", "where log, checkpoint and model go (default: runs/train/<spec>-<variant>)")
    .option("--seed <text>", "of first weights and of batches", "1")
    .option("--checkpoint-every <count>", "steps between checkpoints", positiveInteger, 100)
    .option("--threads <count>", "threads (default: what the target recommends here)", positiveInteger)
    .option("--resume", "go on from the checkpoint in the output folder; ends in the same bits as a training that was not interrupted")
    .option("--json", "print a JSON object for each step")
    .option("--unsafe-no-sandbox", "run the trainer without bubblewrap, with your rights")
    .addHelpText(
      "after",
      helpText({
        notes:
          "Ctrl-C writes a checkpoint and ends with 130. The text is small (specs/models/text): a training of thousands of steps sees it again.",
        examples: [
          ["forge train specs/models/minicpm-tiny.yaml --steps 1000", "A thousand steps with the accepted trainer."],
          ["forge train specs/models/minicpm-tiny.yaml --steps 1000 --resume", "Goes on where it was interrupted."],
          ["forge train my-llama/my-llama.yaml --trainer my-trainer --steps 50 --json | jq .loss", "With your own trainer; the losses."],
        ],
        exitCodes: [0, 2, 4, 130],
      }),
    )
    .action(async (spec: string, options: TrainCommandOptions) => host.finish(await train(spec, options, host.interruption())));
}

async function train(specPath: string, options: TrainCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const [{ loadTrainerSpec }, { readCandidateFolder }, { TrainerRoom }, { trainRun }, { hostTargetName }, { CheckpointError }] =
    await Promise.all([
      import("../../specs/trainer/load-trainer-spec.js"),
      import("../candidate-folder.js"),
      import("../train/trainer-room.js"),
      import("../train/train-run.js"),
      import("../targets.js"),
      import("../train/checkpoint-file.js"),
    ]);
  const loaded = loadTrainerSpec(specPath);
  const { spec } = loaded;
  const variant = options.variant ?? Object.keys(spec.variants)[0]!;
  requireVariant(loaded, variant);
  const trainer = resolve(options.trainer ?? join("generated", spec.name, variant, hostTargetName));
  if (!existsSync(trainer)) throw new UsageError(`there is no trainer in ${trainer}: forge one, or name a folder with --trainer`);
  const folder = resolve(options.output ?? join("runs", "train", `${spec.name}-${variant}`));
  if (!options.resume && existsSync(join(folder, "checkpoint.forge")))
    throw new UsageError(`${folder} holds a training: go on with --resume, or name another --output`);
  const steps = options.steps ?? spec.optimizer.total_steps;
  const unsafe = options.unsafeNoSandbox ?? false;
  const open = { loaded, variant, target: hostTargetName, unsafe, signal };
  const room = await TrainerRoom.open(options.threads === undefined ? open : { ...open, threads: options.threads });
  const say = options.json ? (step: TrainingStep) => void process.stdout.write(`${JSON.stringify(step)}\n`) : printer(steps);
  try {
    const ended = await trainRun({
      ...{ room, variant, folder, steps, seed: options.seed, signal, onStep: say },
      candidate: readCandidateFolder(trainer),
      checkpointEvery: options.checkpointEvery,
      resume: options.resume ?? false,
    });
    const where = relative("", folder) || ".";
    if (ended.status === "interrupted")
      process.stderr.write(`Interrupted after step ${ended.step}; --resume goes on from ${where}/checkpoint.forge\n`);
    else if (!options.json)
      process.stdout.write(`Trained: ${ended.step} steps; log, checkpoint and the model for transformers lie in ${where}\n`);
    return ended.status === "interrupted" ? exitCodes.interrupted : exitCodes.ok;
  } catch (error) {
    if (error instanceof CheckpointError) throw new UsageError(error.message);
    throw error;
  } finally {
    await room.close();
  }
}

const betweenLinesMs = 2000;
const lossesShown = 10;

/** A line every two seconds, and for the first and last step. */
function printer(steps: number): (step: TrainingStep) => void {
  const losses: number[] = [];
  let lastAt = Number.NEGATIVE_INFINITY;
  let begun: { atMs: number; step: number } | null = null;
  return (taken) => {
    losses.push(taken.loss);
    const now = performance.now();
    begun ??= { atMs: now, step: taken.step };
    if (now - lastAt < betweenLinesMs && taken.step < steps) return;
    lastAt = now;
    const latest = losses.slice(-lossesShown);
    const perStepMs = taken.step > begun.step ? (now - begun.atMs) / (taken.step - begun.step) : 1000 * taken.seconds;
    process.stdout.write(`${stepLine(taken, steps, latest.reduce((sum, loss) => sum + loss, 0) / latest.length, perStepMs)}\n`);
  };
}

function stepLine(
  { step, gradientNorm, learningRate, tokensPerSecond, modelFlopsUtilisation, peakBytes }: TrainingStep,
  steps: number,
  loss: number,
  perStepMs: number,
): string {
  const secondsLeft = Math.round(((steps - step) * perStepMs) / 1000);
  const left =
    secondsLeft >= 3600
      ? `${Math.floor(secondsLeft / 3600)} h ${Math.floor((secondsLeft % 3600) / 60)} min`
      : `${Math.floor(secondsLeft / 60)} min ${secondsLeft % 60} s`;
  return [
    `step ${step}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    `gradient norm ${gradientNorm.toPrecision(3)}`,
    `lr ${learningRate.toExponential(2)}`,
    `${tokensPerSecond.toFixed(0)} tokens/s`,
    `MFU ${(100 * modelFlopsUtilisation).toFixed(1)} %`,
    `${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
    ...(step < steps ? [`${left} left`] : []),
  ].join("  ");
}
