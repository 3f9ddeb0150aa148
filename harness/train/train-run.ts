import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Candidate } from "../../specs/contracts/target.js";
import { elementsOf } from "../../specs/trainer/model-layout.js";
import { modelFlops } from "../../specs/trainer/step-work.js";
import { settingOf } from "../../specs/trainer/trainer-abi.js";
import { drawTextBatch } from "../../verifiers/train/draw-text-batch.js";
import { writeState } from "../../verifiers/train/observe.js";
import { TrainerProcess } from "../../verifiers/train/trainer-process.js";
import { candidateBytes } from "../candidate-files.js";
import { gitTreeHash } from "../git-tree.js";
import { type CheckpointOf, readCheckpoint, writeCheckpoint } from "./checkpoint-file.js";
import { writeHuggingFace } from "./hugging-face.js";
import { initialState } from "./initial-state.js";
import type { TrainerRoom } from "./trainer-room.js";
import { trainingLogName, writeTrainingFacts } from "./training-facts.js";

export interface TrainRunOptions {
  room: TrainerRoom;
  variant: string;
  candidate: Candidate;
  /** Where log, checkpoint and model go. */
  folder: string;
  steps: number;
  seed: string;
  checkpointEvery: number;
  resume: boolean;
  /** After every step. */
  onStep: (step: TrainingStep) => void;
  signal: AbortSignal;
}

/** One step of a training, as log.jsonl has it. */
export interface TrainingStep {
  /** From 1. */
  step: number;
  loss: number;
  gradientNorm: number;
  learningRate: number;
  seconds: number;
  tokensPerSecond: number;
  /** Model FLOPs over the measured peak. */
  modelFlopsUtilisation: number;
  peakBytes: number;
}

export type TrainRunEnd = { status: "trained" | "interrupted"; step: number; from: number };

/** As long as timers of Node reach. */
const longestMs = 20 * 24 * 3_600_000;

/**
 * Trains with a trainer in its sandbox: batches drawn from the text by seed and step, a line in log.jsonl for each step, checkpoints under one
 * name, at the end the model for transformers. Interrupted, it writes a checkpoint; gone on with, it ends in the same bits.
 */
export async function trainRun(options: TrainRunOptions): Promise<TrainRunEnd> {
  const { room, candidate, folder, steps, seed, signal } = options;
  const { spec, hash } = room.loaded;
  const { training, model } = spec;
  const text = await room.text();
  const { target, support, entries, threads } = room;
  const built = await target.build({ candidate, support, entries, mode: "plain", threads });
  if (built.status === "failed") throw new Error(`the trainer does not build: ${built.log.split("\n")[0]}`);
  const peaks = await target.peaks(threads);
  const peak = peaks.flopsPerSecond[room.variant.store] ?? peaks.flopsPerSecond.f32!;
  mkdirSync(folder, { recursive: true });
  const checkpointPath = join(folder, "checkpoint.forge");
  const logPath = join(folder, trainingLogName);
  const of: CheckpointOf = { specHash: hash, variant: options.variant, source: gitTreeHash(candidateBytes(candidate)), seed };
  const found = options.resume ? readCheckpoint(checkpointPath, of) : null;
  const session = await target.open({
    libraries: [built.artifact],
    entries,
    threads,
    memory: "plain",
    wallMs: longestMs,
    callTimeoutMs: 3_600_000,
  });
  try {
    const trainer = new TrainerProcess(session, entries, 0);
    const setting = settingOf(spec, model);
    if (found) await trainer.restore(found.image, setting);
    else {
      await trainer.create(setting);
      await writeState(trainer, initialState(spec, seed));
    }
    const from = found?.checkpoint.step ?? 0;
    const tokens = training.micro_batches * training.batch * training.length;
    writeTrainingFacts(folder, { spec: spec.name, variant: options.variant, steps, tokensPerStep: tokens, seed, threads });
    keepLog(logPath, from);
    const save = async (step: number) => writeCheckpoint(checkpointPath, of, step, await trainer.save());
    let step = from;
    while (step < steps && !signal.aborted) {
      const { report, seconds } = await trainer.timedStep(drawTextBatch(text, training, seed, step));
      step++;
      const taken: TrainingStep = {
        ...{ step, loss: report.loss, gradientNorm: report.gradient_norm, learningRate: report.learning_rate, seconds },
        tokensPerSecond: tokens / seconds,
        modelFlopsUtilisation: modelFlops(model, training) / seconds / peak,
        peakBytes: session.peakBytes(),
      };
      appendFileSync(logPath, `${JSON.stringify(taken)}\n`);
      options.onStep(taken);
      if (step % options.checkpointEvery === 0 && step < steps) await save(step);
    }
    if (step > from) await save(step);
    if (step < steps) return { status: "interrupted", step, from };
    const weights: Float32Array[] = [];
    for (const [index, tensor] of trainer.tensors().entries()) {
      const values = Float32Array.from(await trainer.read(index, "weight"));
      if (values.length !== elementsOf(tensor)) throw new Error(`${tensor.name} has ${values.length} elements`);
      weights.push(values);
    }
    writeHuggingFace(join(folder, "hf"), spec, weights);
    return { status: "trained", step, from };
  } finally {
    await session.close();
  }
}

/** Lines after the checkpoint are of steps that are taken again. */
function keepLog(path: string, step: number): void {
  const lines = existsSync(path) && step > 0 ? readFileSync(path, "utf8").split("\n").slice(0, step) : [];
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
}
