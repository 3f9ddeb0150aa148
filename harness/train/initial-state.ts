import type { TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { elementsOf, modelTensors } from "../../specs/trainer/model-layout.js";
import { deriveSeed, Random } from "../../verifiers/numerics/random.js";
import type { TrainerState } from "../../verifiers/train/draw-state.js";

/** `initializer_range` of Llama's published configurations, and of MiniCPM's. */
const plainDeviation = 0.02;
const scaledDeviation = 0.1;

/**
 * Weights that a training begins from: gains one, all else normal. With MiniCPM's scales matrices narrow with the width, by
 * sqrt(hidden / base_width), and the embedding does not (arXiv:2404.06395, section 3.1). Moments are zero.
 */
export function initialState({ model, mup }: TrainerSpec, seed: string): TrainerState {
  const tensors = modelTensors(model);
  const narrowed = mup ? scaledDeviation / Math.sqrt(model.hidden / mup.base_width) : plainDeviation;
  const zeros = () => tensors.map((tensor) => new Float32Array(elementsOf(tensor)));
  const weights = tensors.map((tensor, index) => {
    if (tensor.shape.length === 1) return new Float32Array(elementsOf(tensor)).fill(1);
    const deviation = mup && tensor.name === "model.embed_tokens.weight" ? scaledDeviation : narrowed;
    const values = new Float64Array(elementsOf(tensor));
    new Random(deriveSeed(seed, "initial", index)).fillWithCheapNormals(values);
    return Float32Array.from(values, (value) => deviation * value);
  });
  return { weights, firstMoments: zeros(), secondMoments: zeros(), completedSteps: 0 };
}
