import type { OutputBuffer } from "../../../specs/contracts/spec.js";
import type { Tensor } from "../../../specs/contracts/verdict.js";
import { shapeOf } from "../../../specs/entry-signature.js";
import type { Inputs, KernelCase } from "../../../verifiers/align/kernel-case.js";
import type { ReferenceBench } from "../../../verifiers/align/reference-bench.js";
import { Random } from "../../../verifiers/numerics/random.js";
import { takeAlong, toDoubles } from "../../../verifiers/numerics/tensor.js";

/** Norm-wise: enough for bf16 and for another formula, too little for another operation. */
const tolerance = 1e-2;
/** Slices of an output that are compared. */
const slices = 32;

/** Whether a peer computed what the entry asks for, to about two digits; null where it did, else what is wrong. A look, no verdict. */
export async function compareWithOracle(
  bench: ReferenceBench,
  kernelCase: KernelCase,
  inputs: Inputs,
  outputs: Record<string, Tensor>,
): Promise<string | null> {
  const { buffers } = bench.loaded.spec.entries[kernelCase.entry]!;
  if (Object.keys(outputs).length === 0) return "it has no outputs";
  for (const [name, got] of Object.entries(outputs)) {
    const buffer = buffers[name];
    if (buffer?.role !== "output") return `it has an output ${name}, which the entry does not have`;
    const shape = shapeOf(buffer, kernelCase.sizes);
    if (got.shape.join("x") !== shape.join("x")) return `its ${name} is ${got.shape.join("x")}, not ${shape.join("x")}`;
    const difference = await differenceOf(bench, kernelCase, inputs, name, buffer, got);
    if (!(difference <= tolerance)) return `its ${name} differs from the oracle's by ${difference.toExponential(1)}, norm-wise`;
  }
  return null;
}

async function differenceOf(
  bench: ReferenceBench,
  kernelCase: KernelCase,
  inputs: Inputs,
  name: string,
  buffer: OutputBuffer,
  got: Tensor,
): Promise<number> {
  const [symbol] = buffer.slice;
  const indices = symbol === undefined ? [] : new Random(kernelCase.seed).distinct(slices, kernelCase.sizes[symbol]!);
  const take = (tensor: Tensor, shape: string[]): Tensor => {
    const axis = symbol === undefined ? -1 : shape.indexOf(symbol);
    return axis === -1 ? tensor : takeAlong(tensor, axis, indices);
  };
  const { buffers } = bench.loaded.spec.entries[kernelCase.entry]!;
  const part = Object.fromEntries(Object.entries(inputs).map(([input, tensor]) => [input, take(tensor, buffers[input]!.shape)]));
  const sizes = symbol === undefined ? kernelCase.sizes : { ...kernelCase.sizes, [symbol]: indices.length };
  const oracle = await bench.evaluateOracle({ ...kernelCase, sizes }, part);
  return normOfDifference(toDoubles(take(got, buffer.shape)), toDoubles(oracle[name]!));
}

/** |got - expected| / |expected|, in the Euclidean norm. */
function normOfDifference(got: Float64Array, expected: Float64Array): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (got[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}
