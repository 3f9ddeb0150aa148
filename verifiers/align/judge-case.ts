import type { Entry, OutputBuffer } from "../../specs/contracts/spec.js";
import type { EntrySignature } from "../../specs/contracts/target.js";
import type { Evidence, Tensor } from "../../specs/contracts/verdict.js";
import type { Law } from "../laws.js";
import { elementCount, toDoubles } from "../numerics/tensor.js";
import type { Envelope } from "./envelope.js";
import type { KernelCase } from "./kernel-case.js";
import { expectOutput, readGates } from "./output-expectation.js";
import { type GateFailure, isFailure, type OutputComparison, type OutputReference } from "./output-reference.js";

/** Outputs of one case, as doubles by name: from the oracle and the honest evaluations. */
export interface ReferenceOutputs {
  oracle: Record<string, Tensor>;
  honest: Record<string, Float64Array>[];
  /** Outputs whose zeros are asked for their signs. */
  zeroSigns?: ReadonlySet<string>;
}

/** What is known of every output, or of those asked for, before a candidate is seen. */
export function referencesOf(entry: Entry, signature: EntrySignature, outputs: ReferenceOutputs, only?: string[]): OutputReference[] {
  return signature.buffers
    .filter((buffer) => buffer.role === "output" && (only?.includes(buffer.name) ?? true))
    .map((buffer) => {
      const spec = entry.buffers[buffer.name] as OutputBuffer;
      const oracle = outputs.oracle[buffer.name]!;
      const rowSymbols = spec.row ?? spec.shape.slice(0, -1);
      const rowLength = elementCount(spec.shape.flatMap((symbol, axis) => (rowSymbols.includes(symbol) ? [] : [oracle.shape[axis]!])));
      return {
        output: buffer.name,
        storage: buffer.type as "f32" | "bf16",
        shape: oracle.shape,
        rowLength,
        oracle: toDoubles(oracle),
        honest: outputs.honest.map((values) => values[buffer.name]!),
        zeroSigns: outputs.zeroSigns?.has(buffer.name) ?? false,
        rowScales: siblingScales(spec, outputs, elementCount(oracle.shape) / rowLength),
      };
    });
}

export function compareOutputs(
  entry: Entry,
  signature: EntrySignature,
  outputs: ReferenceOutputs & { candidate: Record<string, Tensor> },
  only?: string[],
): OutputComparison[] {
  return referencesOf(entry, signature, outputs, only).map((reference) => ({
    ...reference,
    candidate: toDoubles(outputs.candidate[reference.output]!),
  }));
}

function siblingScales(spec: OutputBuffer, outputs: ReferenceOutputs, rows: number): Float64Array | null {
  if (!spec.error_scale) return null;
  const scales = new Float64Array(rows);
  for (const name of spec.error_scale) {
    const values = outputs.oracle[name]!.data;
    const perRow = values.length / rows;
    for (let i = 0; i < values.length; i++) {
      const magnitude = Math.abs(values[i]!);
      const row = Math.floor(i / perRow);
      if (Number.isFinite(magnitude) && magnitude > scales[row]!) scales[row] = magnitude;
    }
  }
  return scales;
}

/** The first gate that fails speaks. `pooled`: an envelope found elsewhere, for samples too small to have their own. */
export function judgeOutput(
  comparison: OutputComparison,
  exact: boolean,
  seed: string,
  pooled?: Envelope,
  suspended?: Law,
): GateFailure | null {
  return readGates(expectOutput(comparison, exact, seed, pooled), comparison.candidate, suspended).find(isFailure) ?? null;
}

/** Everything on public cases; on hidden ones the law that was broken, the output, the regime and by how much. */
export function evidenceOf(kernelCase: KernelCase, output: string, failure: GateFailure): Evidence {
  const law = kernelCase.visibility === "timed" ? "timed outputs" : failure.gate === "class" ? "classes" : "precision";
  const common = { law, kind: "alignment" as const, entry: kernelCase.entry, gate: failure.gate, output, regime: kernelCase.regime };
  if (kernelCase.visibility === "public")
    return {
      ...common,
      visibility: "public",
      sizes: kernelCase.sizes,
      measured: failure.measured,
      bound: failure.bound,
      mismatches: failure.mismatches,
    };
  return { ...common, visibility: "hidden", timesOver: failure.bound > 0 ? failure.measured / failure.bound : Number.POSITIVE_INFINITY };
}
