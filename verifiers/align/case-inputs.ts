import { drawExactProbe } from "./exact-probe.js";
import { drawInputs, type Inputs, type KernelCase } from "./kernel-case.js";
import type { ReferenceBench } from "./reference-bench.js";

/** Inputs of a case, complete: drawn by its regime, integer probes, and what comes from other entries. */
export async function inputsOf(bench: ReferenceBench, kernelCase: KernelCase): Promise<Inputs> {
  const { spec } = bench.loaded;
  const drawn = drawInputs(spec, bench.variant, kernelCase);
  const exact = kernelCase.regime === "exact" ? drawExactProbe(spec.entries[kernelCase.entry]!, bench.variant, kernelCase) : {};
  return bench.completeInputs(kernelCase, { ...drawn, ...exact });
}

export async function casesWithInputs(bench: ReferenceBench, cases: KernelCase[]): Promise<{ kernelCase: KernelCase; inputs: Inputs }[]> {
  const result: { kernelCase: KernelCase; inputs: Inputs }[] = [];
  for (const kernelCase of cases) result.push({ kernelCase, inputs: await inputsOf(bench, kernelCase) });
  return result;
}
