import type { BatchShape } from "../../specs/contracts/trainer-spec.js";
import { deriveSeed, Random } from "../numerics/random.js";
import type { Batch } from "./trainer-process.js";

/** Windows of a text at random places: each token's target is the one that follows it. */
export function drawTextBatch(text: ArrayLike<number>, shape: BatchShape, seed: string, step: number): Batch {
  const random = new Random(deriveSeed(seed, "text", step));
  const { micro_batches, batch, length } = shape;
  const sequences = micro_batches * batch;
  const tokens = new Int32Array(sequences * length);
  const targets = new Int32Array(sequences * length);
  if (text.length <= length) throw new RangeError(`a text of ${text.length} tokens is too short for sequences of ${length}`);
  for (let sequence = 0; sequence < sequences; sequence++) {
    const start = random.integer(0, text.length - length - 1);
    for (let i = 0; i < length; i++) {
      tokens[sequence * length + i] = text[start + i]!;
      targets[sequence * length + i] = text[start + i + 1]!;
    }
  }
  return { shape, tokens, targets };
}
