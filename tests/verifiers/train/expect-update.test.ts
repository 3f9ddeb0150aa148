import { describe, expect, test } from "vitest";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";
import type { ModelTensor } from "../../../specs/trainer/model-layout.js";
import { settingOf, type TrainerSetting } from "../../../specs/trainer/trainer-abi.js";
import { roundToBfloat16 } from "../../../verifiers/numerics/bfloat16.js";
import { Random } from "../../../verifiers/numerics/random.js";
import { learningRateAt, rateBound, readUpdate, type TensorState } from "../../../verifiers/train/expect-update.js";

const f = Math.fround;
const { spec } = loadTrainerSpec("specs/models/minicpm-tiny.yaml");
const matrix: ModelTensor = { name: "matrix", shape: [40, 50] };
const gain: ModelTensor = { name: "gain", shape: [2000] };

const withBeta2 = (beta2: number): TrainerSetting => {
  const setting = settingOf(spec, spec.model);
  return { ...setting, optimizer: { ...setting.optimizer, beta2 } };
};

/** What a step in emulated float32 is told; every operation of it is rounded. */
interface Step {
  m: number;
  v: number;
  w: number;
  g: number;
  beta1: number;
  beta2: number;
  eps: number;
  rate: number;
  decay: number;
  /** 1 - beta^T of both. */
  first: number;
  second: number;
}
type Update = (step: Step) => [first: number, second: number, weight: number];

/** Moments as interpolations and the step as one quotient: what compilers make of it that may reorder. */
const fromTheOtherEnd: Update = ({ m, v, w, g, beta1, beta2, eps, rate, decay, first, second }) => {
  const m1 = f(g + f(beta1 * f(m - g)));
  const v1 = f(f(g * g) + f(beta2 * f(v - f(g * g))));
  const step = f(f(rate * m1) / f(first * f(f(f(Math.sqrt(v1)) / f(Math.sqrt(second))) + eps)));
  return [m1, v1, f(w - f(f(f(rate * decay) * w) + step))];
};

const asPyTorch: Update = ({ m, v, w, g, beta1, beta2, eps, rate, decay, first, second }) => {
  const m1 = f(f(beta1 * m) + f(f(1 - beta1) * g));
  const v1 = f(f(beta2 * v) + f(f(f(1 - beta2) * g) * g));
  const step = f(f(f(rate / first) * m1) / f(f(f(Math.sqrt(v1)) / f(Math.sqrt(second))) + eps));
  return [m1, v1, f(f(w * f(1 - f(rate * decay))) - step)];
};
const asInItsPaper: Update = ({ m, v, w, g, beta1, beta2, eps, rate, decay, first, second }) => {
  const m1 = f(m + f(f(1 - beta1) * f(g - m)));
  const v1 = f(v + f(f(1 - beta2) * f(f(g * g) - v)));
  const step = f(f(m1 / first) * f(1 / f(f(Math.sqrt(f(v1 / second))) + eps)));
  return [m1, v1, f(w - f(rate * f(step + f(decay * w))))];
};
const changed =
  (change: (step: Step) => Partial<Step>, update = asPyTorch): Update =>
  (step) =>
    update({ ...step, ...change(step) });

/** The largest share of a bound that an update uses, over steps from the first to the last, gradients of all magnitudes. */
function shareUsed(update: Update, tensor: ModelTensor, setting = withBeta2(0.95), steps = [0, 1, 2, 7, 40, 99, 600, 1700, 1999]): number {
  const random = new Random("updates");
  const { optimizer } = setting;
  const [beta1, beta2, eps, weightDecay] = [optimizer.beta1, optimizer.beta2, optimizer.eps, optimizer.weight_decay].map(f);
  let largest = 0;
  for (const completed of steps) {
    const elements = tensor.shape.reduce((product, size) => product * size, 1);
    const drawn = () => Float32Array.from({ length: elements }, () => random.normal() * 10 ** random.integer(-9, 1));
    const gradients = drawn();
    const isFresh = completed === 0;
    const before: TensorState = {
      weight: Float32Array.from({ length: elements }, () => random.normal()),
      firstMoment: isFresh ? new Float32Array(elements) : drawn(),
      secondMoment: isFresh ? new Float32Array(elements) : drawn().map((value) => value * value),
    };
    const told = {
      ...{ beta1: beta1!, beta2: beta2!, eps: eps!, rate: f(learningRateAt(setting, completed)) },
      decay: tensor.shape.length === 1 ? 0 : weightDecay!,
      first: f(1 - f(beta1! ** (completed + 1))),
      second: f(1 - f(beta2! ** (completed + 1))),
    };
    const updated = Array.from(gradients, (g, i) =>
      update({ ...told, g, m: before.firstMoment[i]!, v: before.secondMoment[i]!, w: before.weight[i]! }),
    );
    const part = (index: 0 | 1 | 2) => Float32Array.from(updated, (values) => values[index]);
    const after = { firstMoment: part(0), secondMoment: part(1), weight: part(2) };
    for (const { timesOver } of readUpdate(setting, tensor, completed, before, after)) largest = Math.max(largest, timesOver);
  }
  return largest;
}

describe("an update beside what follows from its own moments", () => {
  test.each<[string, Update]>([
    ["as PyTorch writes it", asPyTorch],
    ["as its paper writes it", asInItsPaper],
    ["from the other end, as reassociating compilers write it", fromTheOtherEnd],
    ["with a learning rate that is two units off", changed(({ rate }) => ({ rate: f(rate * (1 + 2 ** -22)) }))],
    [
      "with corrections by products of betas",
      changed(({ first, second }) => ({ first: f(first * (1 + 2 ** -24)), second: f(second * (1 - 2 ** -24)) })),
    ],
  ])("is right %s", (_, update) => {
    for (const beta2 of [0.95, 0.999])
      for (const tensor of [matrix, gain]) expect(shareUsed(update, tensor, withBeta2(beta2))).toBeLessThan(0.8);
  });

  test.each<[string, Update, ModelTensor]>([
    ["another beta2", changed(() => ({ beta2: f(0.999) })), matrix],
    ["beta2 in bf16", changed(({ beta2 }) => ({ beta2: roundToBfloat16(beta2) })), matrix],
    ["no weight decay", changed(() => ({ decay: 0 })), matrix],
    ["weight decay of gains", changed(() => ({ decay: f(0.1) })), gain],
    ["a learning rate in bf16", changed(({ rate }) => ({ rate: roundToBfloat16(rate) })), matrix],
    [
      "eps inside the root",
      changed(({ eps, v, g, beta2 }) => ({
        eps: f(Math.sqrt(beta2 * v + (1 - beta2) * g * g + eps) - Math.sqrt(beta2 * v + (1 - beta2) * g * g)),
      })),
      matrix,
    ],
    ["no bias correction", changed(() => ({ first: 1, second: 1 })), matrix],
    [
      "weights in bf16",
      (step) => [...asPyTorch(step).slice(0, 2), roundToBfloat16(asPyTorch(step)[2])] as [number, number, number],
      matrix,
    ],
    ["second moments in bf16", (step) => [asPyTorch(step)[0], roundToBfloat16(asPyTorch(step)[1]), asPyTorch(step)[2]], matrix],
    ["first moments in bf16", (step) => [roundToBfloat16(asPyTorch(step)[0]), asPyTorch(step)[1], asPyTorch(step)[2]], matrix],
    ["a weight that is no number", (step) => [...asPyTorch(step).slice(0, 2), Number.NaN] as [number, number, number], matrix],
  ])("is found out with %s", (_, update, tensor) => {
    expect(shareUsed(update, tensor)).toBeGreaterThan(20);
  });
});

describe("the learning rate of a step", () => {
  const setting = settingOf(spec, spec.model);
  const { warmup_steps, decay_start, total_steps, learning_rate, final_learning_rate } = setting.optimizer;
  const close = (schedule: "constant" | "cosine" | "wsd", step: number, rate: number) =>
    expect(Math.abs(learningRateAt({ ...setting, optimizer: { ...setting.optimizer, schedule } }, step) - rate)).toBeLessThan(
      rateBound(setting),
    );

  test("rises to its peak, stays there, and ends where it should", () => {
    for (const schedule of ["constant", "cosine", "wsd"] as const) {
      close(schedule, 0, learning_rate / warmup_steps);
      close(schedule, warmup_steps - 1, learning_rate);
      close(schedule, warmup_steps, learning_rate);
      close(schedule, total_steps, schedule === "constant" ? learning_rate : final_learning_rate);
      close(schedule, 2 * total_steps, schedule === "constant" ? learning_rate : final_learning_rate);
    }
    close("wsd", decay_start - 1, learning_rate);
    close("wsd", (decay_start + total_steps) / 2, Math.sqrt(learning_rate * final_learning_rate));
    close("cosine", (warmup_steps + total_steps) / 2, (learning_rate + final_learning_rate) / 2);
    close("constant", total_steps - 1, learning_rate);
  });
});
