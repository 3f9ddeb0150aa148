import type { BatchShape, ModelShape, Optimizer, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { settingOf, type TrainerSetting } from "../../specs/trainer/trainer-abi.js";
import { deriveSeed, Random } from "../numerics/random.js";

/**
 * What one case asks. `gradients`: one step from zero moments, so that every gradient can be read off the first moment. `trajectory`: the
 * oracle trains for some steps, then all go on from there, several steps without anybody looking in between.
 */
export interface TrainerCase {
  kind: "gradients" | "trajectory";
  visibility: "public" | "recorded" | "hidden" | "own";
  setting: TrainerSetting;
  batch: BatchShape;
  /** Of the schedule, before the first step that is compared. */
  completedSteps: number;
  /** Steps of the oracle before the comparison begins. */
  forcedSteps: number;
  /** Steps that are compared. */
  steps: number;
  seed: string;
  /** The step (from 0) of the spec's recording that is asked: then weights, batch and answers are those that a trusted framework had. */
  recordedStep?: number;
}

const publicShape: ModelShape = {
  layers: 2,
  hidden: 24,
  query_heads: 4,
  kv_heads: 2,
  head_dim: 8,
  feed_forward: 40,
  vocabulary: 48,
  tied: true,
};
const publicBatch: BatchShape = { micro_batches: 2, batch: 2, length: 9 };

const stepsOf = (kind: TrainerCase["kind"]): Pick<TrainerCase, "forcedSteps" | "steps"> =>
  kind === "gradients" ? { forcedSteps: 0, steps: 1 } : { forcedSteps: 3, steps: 3 };

/** Shown in full to whoever writes the trainer: the same for every submission. */
export function publicCases(spec: TrainerSpec): TrainerCase[] {
  const shape = { ...publicShape, tied: spec.model.tied };
  return (["gradients", "trajectory"] as const).map((kind) => ({
    kind,
    visibility: "public",
    setting: settingOf(spec, shape),
    batch: publicBatch,
    completedSteps: spec.optimizer.warmup_steps + 1,
    ...stepsOf(kind),
    seed: `public ${spec.name} ${kind}`,
  }));
}

/** Drawn for one submission: both kinds by turns, the schedule's phases by turns. */
export function hiddenCases(spec: TrainerSpec, seed: string): TrainerCase[] {
  return Array.from({ length: spec.exam.hidden }, (_, index) => {
    const random = new Random(deriveSeed(seed, "hidden case", index));
    const kind = index % 2 === 0 ? "gradients" : "trajectory";
    const steps = stepsOf(kind);
    return {
      kind,
      visibility: "hidden",
      setting: drawSetting(spec, random, clipsByTurns[index % clipsByTurns.length]!),
      batch: drawBatchShape(spec, random),
      completedSteps: drawCompletedSteps(spec, Math.floor(index / 2), random),
      ...steps,
      seed: deriveSeed(seed, "hidden state", index),
    };
  });
}

/** Steps of a framework that is trusted: the first, and the last from where the one before it ended. As public as the recording. */
export function recordedCases(spec: TrainerSpec): TrainerCase[] {
  const { recorded } = spec;
  if (!recorded) return [];
  return recordedSteps(recorded.steps).map((recordedStep) => ({
    kind: "gradients",
    visibility: "recorded",
    setting: settingOf(spec, spec.model),
    batch: recorded.batch,
    completedSteps: recordedStep,
    ...stepsOf("gradients"),
    seed: `recorded ${spec.name} ${recordedStep}`,
    recordedStep,
  }));
}

const recordedSteps = (steps: number): number[] => (steps === 1 ? [0] : [0, steps - 1]);

/** The spec's own shape, with few tokens: what is right at small shapes only is found out here. */
export function ownCases(spec: TrainerSpec, seed: string): TrainerCase[] {
  const random = new Random(deriveSeed(seed, "own case"));
  return [
    {
      kind: "gradients",
      visibility: "own",
      setting: settingOf(spec, spec.model),
      batch: spec.exam.own,
      completedSteps: drawCompletedSteps(spec, random.integer(0, 2), random),
      ...stepsOf("gradients"),
      seed: deriveSeed(seed, "own state"),
    },
  ];
}

/** Half of the hidden cases of either kind clip their gradients: a norm that is wrong would show only where it scales something. */
const clipsByTurns = [true, false, false, true];

function drawSetting(spec: TrainerSpec, random: Random, clips: boolean): TrainerSetting {
  const { open } = spec;
  const draw = ([low, high]: [number, number]) => random.integer(low, high);
  const kvHeads = draw(open.kv_heads);
  const setting = settingOf(spec, {
    layers: draw(open.layers),
    hidden: draw(open.hidden),
    query_heads: kvHeads * draw(open.group),
    kv_heads: kvHeads,
    head_dim: Math.max(2, 2 * Math.floor(draw(open.head_dim) / 2)),
    feed_forward: draw(open.feed_forward),
    vocabulary: draw(open.vocabulary),
    tied: spec.model.tied,
  });
  return { ...setting, optimizer: { ...setting.optimizer, max_gradient_norm: clips ? 0.05 : 100 } };
}

function drawBatchShape(spec: TrainerSpec, random: Random): BatchShape {
  const [low, high] = spec.open.length;
  return { micro_batches: random.integer(2, 3), batch: random.integer(1, 3), length: random.integer(low, high) };
}

/** In the warm-up, in the decay, and on the plateau by turns. */
function drawCompletedSteps(spec: TrainerSpec, phase: number, random: Random): number {
  const phases = schedulePhases(spec.optimizer);
  const [low, high] = phases[phase % phases.length]!;
  return random.integer(low, high);
}

/** First and last step of warm-up, decay (of a cosine: its second half) and plateau. */
export function schedulePhases({ warmup_steps, decay_start, total_steps, schedule }: Optimizer): [number, number][] {
  const middle = schedule === "wsd" ? decay_start : Math.floor((warmup_steps + total_steps) / 2);
  return [
    [0, Math.max(0, warmup_steps - 1)],
    [middle, total_steps - 1],
    [warmup_steps, Math.max(warmup_steps, middle - 1)],
  ];
}
