import { deriveSeed } from "../numerics/random.js";
import type { Stopwatch } from "../stopwatch.js";
import { inputsOf } from "./case-inputs.js";
import { referencesOf } from "./judge-case.js";
import type { Inputs, KernelCase } from "./kernel-case.js";
import { expectOutput, type OutputExpectation } from "./output-expectation.js";
import type { ReferenceBench } from "./reference-bench.js";
import { outputsWithZeroSigns } from "./zero-signs.js";

/** A case with everything that is found out before a candidate is called. */
export interface PreparedCase {
  inputs: Inputs;
  outputs: OutputExpectation[];
}

/** Public cases are the same for every attempt; of hidden ones only the latest stay. */
const maximumKeptBytes = 128 << 20;

interface Kept {
  prepared: PreparedCase;
  bytes: number;
}
const keptByBench = new WeakMap<ReferenceBench, Map<string, Kept>>();

export async function prepareCase(bench: ReferenceBench, kernelCase: KernelCase, stopwatch: Stopwatch): Promise<PreparedCase> {
  const kept = keptByBench.get(bench) ?? new Map<string, Kept>();
  keptByBench.set(bench, kept);
  const key = JSON.stringify(kernelCase);
  const known = kept.get(key);
  if (known) return known.prepared;
  const prepared = await prepareAnew(bench, kernelCase, stopwatch);
  kept.set(key, { prepared, bytes: bytesOf(prepared) });
  let total = 0;
  for (const item of kept.values()) total += item.bytes;
  for (const [oldest, item] of kept) {
    if (total <= maximumKeptBytes) break;
    kept.delete(oldest);
    total -= item.bytes;
  }
  return prepared;
}

async function prepareAnew(bench: ReferenceBench, kernelCase: KernelCase, stopwatch: Stopwatch): Promise<PreparedCase> {
  const entry = bench.loaded.spec.entries[kernelCase.entry]!;
  const exact = kernelCase.regime === "exact";
  const { inputs, ...outputs } = await stopwatch.during("running", async () => {
    const complete = await inputsOf(bench, kernelCase);
    const oracle = await bench.evaluateOracle(kernelCase, complete);
    if (exact) return { inputs: complete, oracle, honest: [] };
    return {
      inputs: complete,
      oracle,
      honest: await bench.evaluateHonest(kernelCase, complete),
      zeroSigns: await outputsWithZeroSigns(bench, kernelCase, complete, oracle),
    };
  });
  return stopwatch.during("comparing", async () => ({
    inputs,
    outputs: referencesOf(entry, bench.signature(kernelCase.entry), outputs).map((reference) =>
      expectOutput(reference, exact, deriveSeed(kernelCase.seed, "bias")),
    ),
  }));
}

function bytesOf({ inputs, outputs }: PreparedCase): number {
  let bytes = 0;
  for (const tensor of Object.values(inputs)) bytes += tensor.data.byteLength;
  for (const { reference } of outputs) bytes += 3 * reference.oracle.byteLength;
  return bytes;
}
