import type { KernelSpec } from "../../specs/contracts/spec.js";
import type { CallReport, EntrySignature, Session } from "../../specs/contracts/target.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { bytesPerElement, shapeOf } from "../../specs/entry-signature.js";
import { bytesOf, elementCount, tensorFromBytes } from "../numerics/tensor.js";
import type { Inputs, KernelCase } from "./kernel-case.js";

export type Evaluation =
  | (Extract<CallReport, { status: "returned" }> & { outputs: Record<string, Tensor> })
  | Exclude<CallReport, { status: "returned" }>;

export function byteLengths(spec: KernelSpec, entry: EntrySignature, sizes: Record<string, number>): number[] {
  const buffers = spec.entries[entry.name]!.buffers;
  return entry.buffers.map((buffer) => elementCount(shapeOf(buffers[buffer.name]!, sizes)) * bytesPerElement(buffer.type));
}

/**
 * Runs one case in a session and reads its outputs. `poison` is a NaN pattern that fills outputs first.
 * `layout`: whether buffers are laid out anew, or lie there from a case of the same sizes, or are even filled with these very inputs.
 * `wanted`: the outputs that are read, all unless given.
 */
export async function evaluateCase(
  session: Session,
  spec: KernelSpec,
  entry: EntrySignature,
  library: number,
  kernelCase: KernelCase,
  inputs: Inputs,
  poison: number,
  { layout = "fresh", wanted }: { layout?: "fresh" | "kept" | "filled"; wanted?: readonly string[] | undefined } = {},
): Promise<Evaluation> {
  const lengths = byteLengths(spec, entry, kernelCase.sizes);
  if (layout === "fresh") await session.bind(entry.name, lengths, 1);
  if (layout !== "filled")
    for (const buffer of entry.buffers)
      if (buffer.role === "input") await session.writeInput(0, buffer.name, 0, bytesOf(inputs[buffer.name]!));
  const report = await session.call({ library, entry: entry.name, set: 0, sizes: kernelCase.sizes, scalars: kernelCase.scalars, poison });
  if (report.status !== "returned") return report;
  const outputs: Record<string, Tensor> = {};
  for (const [index, buffer] of entry.buffers.entries()) {
    if (buffer.role !== "output" || wanted?.includes(buffer.name) === false) continue;
    const shape = shapeOf(spec.entries[entry.name]!.buffers[buffer.name]!, kernelCase.sizes);
    outputs[buffer.name] = tensorFromBytes(buffer.type, shape, await session.readOutput(0, buffer.name, 0, lengths[index]!));
  }
  return { ...report, outputs };
}
