import type { Tensor } from "../../specs/contracts/verdict.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { toDoubles } from "../numerics/tensor.js";
import { thresholds } from "../thresholds.js";
import type { Inputs, KernelCase } from "./kernel-case.js";
import type { ReferenceBench } from "./reference-bench.js";

const isNegative = (value: number): boolean => value < 0 || Object.is(value, -0);

/**
 * Outputs whose zeros have signs that mean something. The sign of a product or a copy does; that of a sum of zeros is an accident of its
 * order, and compilers that may reassociate change it. So the oracle is asked again with numbers of the same sign but of any magnitude
 * in place of the zeros among the inputs: where the sign of one zero changes, none of that output is asked for. Nor is it where a zero stays
 * one: it comes of what cancels inside (a softmax over one element has no gradient), and whoever sums such zeros may begin with any of them.
 */
export async function outputsWithZeroSigns(
  bench: ReferenceBench,
  kernelCase: KernelCase,
  inputs: Inputs,
  oracle: Record<string, Tensor>,
): Promise<Set<string>> {
  const zeros = new Map<string, number[]>();
  for (const [name, tensor] of Object.entries(oracle)) {
    const indices = [...tensor.data.keys()].filter((index) => tensor.data[index] === 0);
    if (indices.length > 0) zeros.set(name, indices);
  }
  // A draw shows an accident in about a quarter of the zeros that are one: where there are many, few draws do.
  const fewest = Math.min(...[...zeros.values()].map((indices) => indices.length));
  const draws = Math.max(4, Math.ceil(thresholds.zeroSignDraws / fewest));
  for (let draw = 0; draw < draws && zeros.size > 0; draw++) {
    const nudged = await bench.evaluateOracle(kernelCase, replaceZeros(inputs, deriveSeed(kernelCase.seed, "zeros", draw)));
    for (const [name, indices] of zeros) {
      const same = (index: number) => {
        const value = nudged[name]!.data[index]!;
        return value !== 0 && isNegative(value) === isNegative(oracle[name]!.data[index]!);
      };
      if (!indices.every(same)) zeros.delete(name);
    }
  }
  return new Set(zeros.keys());
}

function replaceZeros(inputs: Inputs, seed: string): Inputs {
  const random = new Random(seed);
  const replace = (value: number) => (value !== 0 ? value : (isNegative(value) ? -1 : 1) * 2 ** (120 * random.uniform() - 60));
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [
      name,
      tensor.type === "i32" ? tensor : { type: "f64", shape: tensor.shape, data: toDoubles(tensor).map(replace) },
    ]),
  );
}
