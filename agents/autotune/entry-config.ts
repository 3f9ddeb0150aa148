import type { AgentBriefing } from "../../specs/contracts/agent.js";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { insertPragma, keepEntry, parallelPragma, splitLoops, typeFlags } from "../../specs/lower-reference.js";

/** Everything that autotune may choose for one entry. */
export interface EntryConfig {
  order: "SERIAL" | "BLOCKED" | "SIMD";
  optimisation: string;
  mathematics: string[];
  vectors: string[];
  unrolling: string[];
  /** Outer independent loops over the threads. */
  parallel: boolean;
  /** `omp simd` on inner independent loops. */
  simdLoops: boolean;
  tunables: Record<string, number>;
}

/** One text for equal configurations. */
export const configKey = (config: EntryConfig): string =>
  JSON.stringify(Object.entries(config).sort(([left], [right]) => left.localeCompare(right)));

export function describeConfig(config: EntryConfig): string {
  const tunables = Object.entries(config.tunables).map(([name, value]) => `${name}=${value}`);
  return [
    `sum ${config.order.toLowerCase()}`,
    config.optimisation,
    ...config.mathematics,
    ...config.vectors,
    ...config.unrolling,
    ...(config.simdLoops ? ["simd loops"] : []),
    ...tunables,
  ].join(" ");
}

/** The reference lowered to a candidate: one source file per entry, each with the flags and pragmas of its configuration. */
export function lowerToCandidate(
  briefing: AgentBriefing,
  loaded: LoadedSpec,
  compiler: string,
  configs: Record<string, EntryConfig>,
): Candidate {
  const { tuningSpace, variant, threads } = briefing;
  const names = Object.keys(loaded.spec.entries);
  const openmp = tuningSpace.openmp;
  const files: Record<string, string> = {};
  const units = names.map((name) => {
    const config = configs[name]!;
    const loops = splitLoops(loaded.referenceText, name, loaded.spec.entries[name]!.independent ?? []);
    let text = keepEntry(loaded.referenceText, names, name);
    if (openmp && config.parallel && threads > 1)
      for (const variable of loops.outer) text = insertPragma(text, name, variable, parallelPragma);
    if (config.simdLoops) for (const variable of loops.inner) text = insertPragma(text, name, variable, "omp simd");
    files[`${name}.c`] = text;
    const flags = [
      "-std=c11",
      config.optimisation,
      ...tuningSpace.machine,
      ...config.mathematics,
      ...config.vectors,
      ...config.unrolling,
      ...(openmp ? openmp.compile : ["-fopenmp-simd"]),
      ...typeFlags(variant),
      `-DFORGE_ORDER=${config.order}`,
      ...Object.entries(config.tunables).map(([macro, value]) => `-D${macro}=${value}`),
    ];
    return { source: `${name}.c`, flags };
  });
  return { files, manifest: { language: "c", compiler, units, linkFlags: openmp?.link ?? [] } };
}
