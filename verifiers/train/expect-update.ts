import type { ModelTensor } from "../../specs/trainer/model-layout.js";
import type { TrainerSetting } from "../../specs/trainer/trainer-abi.js";
import type { TrainerState } from "./draw-state.js";

/**
 * What one step must make of a trainer's own moments. Weights are no good beside the oracle's: where a gradient is divided by itself, its
 * sign alone decides, and honest trainers disagree about the sign of what is nearly zero; and where gradients are made in bf16 they err by a
 * per cent, which hides a decay of a thousandth. But second moments follow from first ones, and weights from both, by arithmetic that is
 * float32 in every variant: held against what the trainer itself says of them, each is known to a few units in the last place.
 */

/** Relative error of one rounding to float32. */
const rounding = 2 ** -24;
/** Below it numbers may be flushed to zero. */
const smallestNormal = 2 ** -126;
/** Roundings of a learning rate at most: of its exponent, which is a few units large, of the exponential and of a product. */
const rateRoundings = 32;
/** Of a sum of three products and the weight itself, and of a trainer that holds weights otherwise than it hands them out. */
const weightRoundings = 4;
/**
 * Of a moment: two products, their sum, a square. A compiler that may reassociate makes of beta v + (1 - beta) g the same as g + beta (v - g),
 * so they are roundings of numbers as large as the old moment or the gradient, though the new moment be far smaller.
 */
const momentRoundings = 4;
/** Of two quotients, a root by Newton's method, a product, the sum with eps: some ten; reciprocals in their place double them. */
const stepRoundings = 32;

/** One tensor with its moments. */
export interface TensorState {
  weight: ArrayLike<number>;
  firstMoment: ArrayLike<number>;
  secondMoment: ArrayLike<number>;
}

export const tensorAt = ({ weights, firstMoments, secondMoments }: TrainerState, index: number): TensorState => ({
  weight: weights[index]!,
  firstMoment: firstMoments[index]!,
  secondMoment: secondMoments[index]!,
});

/** The learning rate of the step that follows so many completed ones, by what forge_trainer.h says. */
export function learningRateAt({ optimizer }: TrainerSetting, completedSteps: number): number {
  const { schedule, warmup_steps, decay_start, total_steps } = optimizer;
  const peak = Math.fround(optimizer.learning_rate);
  const final = Math.fround(optimizer.final_learning_rate);
  if (completedSteps < warmup_steps) return (peak * (completedSteps + 1)) / warmup_steps;
  const start = schedule === "wsd" ? decay_start : warmup_steps;
  if (schedule === "constant" || completedSteps < start) return peak;
  const progress = Math.min(1, (completedSteps - start) / (total_steps - start));
  if (schedule === "cosine") return final + ((peak - final) * (1 + Math.cos(Math.PI * progress))) / 2;
  return peak * (final / peak) ** progress;
}

/** Largest honest error of a learning rate. Where a cosine cancels, it is not small beside the rate but beside the peak. */
export const rateBound = ({ optimizer }: TrainerSetting): number => rateRoundings * rounding * optimizer.learning_rate;

/** An element that is farthest from what it must be, in units of what is allowed. */
export interface UpdateReading {
  part: "second moment" | "weight";
  index: number;
  expected: number;
  got: number;
  timesOver: number;
}

/** Every element of a tensor before and after a step, T its number from 1; the worst of its second moments and of its weights. */
export function readUpdate(
  setting: TrainerSetting,
  tensor: ModelTensor,
  completedSteps: number,
  before: TensorState,
  after: TensorState,
): UpdateReading[] {
  const { optimizer } = setting;
  const T = completedSteps + 1;
  const [beta1, beta2, eps] = [optimizer.beta1, optimizer.beta2, optimizer.eps].map(Math.fround) as [number, number, number];
  const decay = tensor.shape.length === 1 ? 0 : Math.fround(optimizer.weight_decay);
  const rate = learningRateAt(setting, completedSteps);
  // 1 - beta^T, and what a power made by T products errs by, which is not small where T is.
  const correction = (beta: number) => ({ value: 1 - beta ** T, error: (((T + 2) * beta ** T) / (1 - beta ** T)) * rounding });
  const first = correction(beta1);
  const second = correction(beta2);
  const root = Math.sqrt(second.value);
  const stepError = stepRoundings * rounding + first.error + second.error / 2 + rateBound(setting) / rate;
  const nothing = { index: 0, expected: 0, got: 0, timesOver: 0 };
  let worstMoment: UpdateReading = { part: "second moment", ...nothing };
  let worstWeight: UpdateReading = { part: "weight", ...nothing };
  for (let i = 0; i < after.weight.length; i++) {
    const m0 = beta1 * before.firstMoment[i]!;
    const m1 = after.firstMoment[i]!;
    const gradient = (m1 - m0) / (1 - beta1);
    const gradientError = (momentRoundings * rounding * (Math.abs(m0) + Math.abs(gradient))) / (1 - beta1);
    const v0 = beta2 * before.secondMoment[i]!;
    const v1 = v0 + (1 - beta2) * gradient ** 2;
    const v1Error =
      (1 - beta2) * (2 * Math.abs(gradient) + gradientError) * gradientError +
      momentRoundings * rounding * (v0 + gradient ** 2) +
      smallestNormal;
    worstMoment = worse(worstMoment, i, v1, after.secondMoment[i]!, v1Error);

    const w0 = before.weight[i]!;
    const step = ((rate / first.value) * m1) / (Math.sqrt(after.secondMoment[i]!) / root + eps);
    const w1 = w0 * (1 - rate * decay) - step;
    const w1Error =
      weightRoundings * rounding * Math.max(Math.abs(w0), Math.abs(w1)) +
      stepError * Math.abs(step) +
      rateBound(setting) * decay * Math.abs(w0) +
      smallestNormal;
    worstWeight = worse(worstWeight, i, w1, after.weight[i]!, w1Error);
  }
  return [worstMoment, worstWeight];
}

/** NaN is worse than anything. */
function worse(worst: UpdateReading, index: number, expected: number, got: number, bound: number): UpdateReading {
  const timesOver = Math.abs(got - expected) / bound;
  if (timesOver <= worst.timesOver) return worst;
  return { part: worst.part, index, expected, got, timesOver: Number.isNaN(timesOver) ? Number.POSITIVE_INFINITY : timesOver };
}
