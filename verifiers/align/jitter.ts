import type { Tensor } from "../../specs/contracts/verdict.js";
import { Random } from "../numerics/random.js";
import type { Inputs } from "./kernel-case.js";

/**
 * Moves every float32 value to a neighbour, or not at all: what an honest evaluation gives for such inputs is as good an answer as
 * any, and each draw shakes the rounding of every sum anew. So a few evaluations show how far honest results scatter, where the
 * orders of summation alone agree by chance (short sums, few rows) and where results cancel. Zeros and infinities stay.
 */
export function jitterInputs(inputs: Inputs, seed: string): Inputs {
  const random = new Random(seed);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, tensor.type === "f32" ? jitterTensor(tensor, random) : tensor]),
  );
}

function jitterTensor(tensor: Tensor, random: Random): Tensor {
  const data = Float32Array.from(tensor.data);
  const words = new Uint32Array(data.buffer);
  let drawn = 0;
  for (let i = 0; i < words.length; i++) {
    if (i % 16 === 0) drawn = random.bits();
    const step = (drawn & 3) % 3;
    drawn >>>= 2;
    const magnitude = words[i]! & 0x7fffffff;
    // The neighbours of zero, infinity and NaN are of another class.
    if (magnitude < 2 || magnitude >= 0x7f7fffff) continue;
    if (step === 1) words[i]!++;
    else if (step === 2) words[i]!--;
  }
  return { ...tensor, data };
}
