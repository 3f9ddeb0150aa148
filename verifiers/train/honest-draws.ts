import { Random } from "../numerics/random.js";
import type { TrainerState } from "./draw-state.js";
import type { Observations } from "./observe.js";

/** The same weights, each moved to a neighbouring float32 at random: how far honest results lie apart where a model is ill-conditioned. */
export function moved(state: TrainerState, seed: string): TrainerState {
  const random = new Random(seed);
  const weights = state.weights.map((values) => {
    const copy = values.slice();
    const bits = new Int32Array(copy.buffer);
    for (let i = 0; i < bits.length; i++) if (copy[i] !== 0) bits[i]! += random.integer(-1, 1);
    return copy;
  });
  return { ...state, weights };
}

/** Half the distance between neighbouring bf16 numbers, at most, relative to them. */
const storingError = 2 ** -8;

/** The same weights, each moved at random by at most as much as storing it in bf16 may move it. */
export function shaken(state: TrainerState, seed: string): TrainerState {
  const random = new Random(seed);
  return {
    ...state,
    weights: state.weights.map((values) => values.map((value) => value * (1 + storingError * (2 * random.uniform() - 1)))),
  };
}

/** How far `honest` is off the oracle elsewhere, added to the oracle's answer here. */
export function carriedOver(exact: Observations, exactElsewhere: Observations, honest: Observations): Observations {
  return new Map(
    [...exact].map(([output, observed]) => {
      const [there, got] = [exactElsewhere.get(output)!.values, honest.get(output)!.values];
      return [output, { ...observed, values: observed.values.map((value, i) => value + (got[i]! - there[i]!)) }];
    }),
  );
}
