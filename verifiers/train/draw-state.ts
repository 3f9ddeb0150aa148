import type { BatchShape } from "../../specs/contracts/trainer-spec.js";
import { elementsOf, type ModelTensor, modelTensors } from "../../specs/trainer/model-layout.js";
import type { TrainerSetting } from "../../specs/trainer/trainer-abi.js";
import { deriveSeed, Random } from "../numerics/random.js";
import type { Batch } from "./trainer-process.js";

/** Weights and moments of every tensor, in the order of `modelTensors`, float32. */
export interface TrainerState {
  weights: Float32Array[];
  firstMoments: Float32Array[];
  secondMoments: Float32Array[];
  completedSteps: number;
}

const isGain = (tensor: ModelTensor): boolean => tensor.shape.length === 1;

/**
 * Weights under which every part matters: gains around one, matrices that keep the scale of what they are applied to (a little more, so that
 * attention prefers some tokens), an embedding whose scaled rows are of order one.
 */
function drawWeight(setting: TrainerSetting, tensor: ModelTensor, seed: string): Float32Array {
  const random = new Random(seed);
  const values = new Float64Array(elementsOf(tensor));
  random.fillWithCheapNormals(values);
  if (isGain(tensor)) return Float32Array.from(values, (value) => 1 + 0.25 * value);
  const scale =
    tensor.name === "model.embed_tokens.weight"
      ? 1 / setting.embeddingScale
      : tensor.name === "lm_head.weight"
        ? 1 / (Math.sqrt(setting.shape.hidden) * setting.logitScale)
        : 1.5 / Math.sqrt(tensor.shape[1]!);
  return Float32Array.from(values, (value) => scale * value);
}

/** A state before any training: moments zero, so that gradients can be read off the moments after one step. */
export function drawFreshState(setting: TrainerSetting, completedSteps: number, seed: string): TrainerState {
  const tensors = modelTensors(setting.shape);
  const zeros = () => tensors.map((tensor) => new Float32Array(elementsOf(tensor)));
  return {
    weights: tensors.map((tensor, index) => drawWeight(setting, tensor, deriveSeed(seed, "weight", index))),
    firstMoments: zeros(),
    secondMoments: zeros(),
    completedSteps,
  };
}

/** Share of targets that are ignored, by turns: micro-batches then count differently many. */
const ignoredShares = [0, 0.5, 0.1];

/** Random tokens, many of them alike, so that gradients of an embedding add up; targets are drawn apart from them, some ignored. */
export function drawRandomBatch(shape: BatchShape, vocabulary: number, seed: string): Batch {
  const random = new Random(seed);
  const count = shape.micro_batches * shape.batch * shape.length;
  const common = random.distinct(Math.min(4, vocabulary), vocabulary);
  const tokens = new Int32Array(count).map(() => (random.uniform() < 0.25 ? random.choose(common) : random.integer(0, vocabulary - 1)));
  const perMicroBatch = shape.batch * shape.length;
  const targets = new Int32Array(count).map((_, index) => {
    const share = ignoredShares[Math.floor(index / perMicroBatch) % ignoredShares.length]!;
    return random.uniform() < share ? -100 : random.integer(0, vocabulary - 1);
  });
  return { shape, tokens, targets };
}
