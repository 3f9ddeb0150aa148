import { elementsOf, type ModelTensor, modelTensors } from "../../specs/trainer/model-layout.js";
import type { TrainerSetting } from "../../specs/trainer/trainer-abi.js";
import type { TrainerState } from "./draw-state.js";
import { learningRateAt } from "./expect-update.js";
import { type Observations, observationsFrom } from "./observe.js";
import type { TrainerCase } from "./trainer-cases.js";
import type { Batch, StepReport } from "./trainer-process.js";

/**
 * What `forge outline` captured of a trusted framework, by name. Of the first step: `weight/NAME`, `f64/logits`, `f64/gradient/NAME`. Of the
 * last, which goes on from what float32 holds of the state before it: `f64/point/weight/NAME`, `.../first_moment/NAME`,
 * `.../second_moment/NAME`, `.../logits`, `.../gradient/NAME`. Of all: `tokens` and `targets` [steps, micro_batches, batch, length],
 * `f64/loss` and `f64/gradient_norm` [steps]. NAME as in Hugging Face's checkpoints. Gradients are those before clipping.
 */
export interface Recording {
  /** Throws where there is no tensor of this name, or of another size. */
  read(name: string, elements: number): Float32Array | Float64Array | Int32Array;
}

/** PyTorch's clip_grad_norm_ divides by the norm and this. */
const clippingEps = 1e-6;

/** What gradients of this global norm are multiplied by before a step. */
export const clippingScale = ({ optimizer }: TrainerSetting, norm: number): number =>
  Math.min(1, Math.fround(optimizer.max_gradient_norm) / (norm + clippingEps));

/** Weights and moments before a recorded step. */
export function recordedState(recording: Recording, { setting, recordedStep }: TrainerCase): TrainerState {
  const tensors = modelTensors(setting.shape);
  const read = (part: string) => tensors.map((tensor) => recording.read(`${part}/${tensor.name}`, elementsOf(tensor)) as Float32Array);
  const completedSteps = recordedStep!;
  if (completedSteps > 0)
    return {
      weights: read("f64/point/weight"),
      firstMoments: read("f64/point/first_moment"),
      secondMoments: read("f64/point/second_moment"),
      completedSteps,
    };
  const zeros = () => tensors.map((tensor) => new Float32Array(elementsOf(tensor)));
  return { weights: read("weight"), firstMoments: zeros(), secondMoments: zeros(), completedSteps };
}

export function recordedBatch(recording: Recording, { batch: shape, recordedStep }: TrainerCase, steps: number): Batch {
  const count = shape.micro_batches * shape.batch * shape.length;
  const of = (name: string) => recording.read(name, steps * count).slice(recordedStep! * count, (recordedStep! + 1) * count) as Int32Array;
  return { shape, tokens: of("tokens"), targets: of("targets") };
}

/** What the framework said of a recorded step, and what follows from it: AdamW's moments are weighted means of gradients. */
export function recordedAnswers(recording: Recording, trainerCase: TrainerCase, steps: number, before: TrainerState): Observations {
  const { setting, batch, recordedStep } = trainerCase;
  const { optimizer, shape } = setting;
  const report: StepReport = {
    loss: recording.read("f64/loss", steps)[recordedStep!]!,
    gradient_norm: recording.read("f64/gradient_norm", steps)[recordedStep!]!,
    learning_rate: learningRateAt(setting, recordedStep!),
  };
  const scale = clippingScale(setting, report.gradient_norm);
  const [beta1, beta2] = [Math.fround(optimizer.beta1), Math.fround(optimizer.beta2)];
  const momentsOf = (tensor: ModelTensor, index: number) => {
    const gradient = recordedGradient(recording, trainerCase, tensor);
    const [first, second] = [before.firstMoments[index]!, before.secondMoments[index]!];
    return {
      first_moment: Float64Array.from(gradient, (value, i) => beta1 * first[i]! + (1 - beta1) * scale * value),
      second_moment: Float64Array.from(gradient, (value, i) => beta2 * second[i]! + (1 - beta2) * (scale * value) ** 2),
    };
  };
  const logits = recording.read(logitsName(trainerCase), batch.batch * batch.length * shape.vocabulary) as Float64Array;
  return observationsFrom(trainerCase, report, momentsOf, logits);
}

const prefixOf = ({ recordedStep }: TrainerCase): string => (recordedStep === 0 ? "f64" : "f64/point");

export const logitsName = (trainerCase: TrainerCase): string => `${prefixOf(trainerCase)}/logits`;

export const recordedGradient = (recording: Recording, trainerCase: TrainerCase, tensor: ModelTensor): Float64Array =>
  recording.read(`${prefixOf(trainerCase)}/gradient/${tensor.name}`, elementsOf(tensor)) as Float64Array;
