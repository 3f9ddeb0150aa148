import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedSpec, Sizes, Variant } from "../../specs/contracts/spec.js";
import type { Artifact, Candidate, MachineClass, Target, Toolchain } from "../../specs/contracts/target.js";
import { entrySignatures } from "../../specs/entry-signature.js";
import { parallelise, typeFlags } from "../../specs/lower-reference.js";
import type { ReferenceBench } from "../align/reference-bench.js";
import { deriveSeed } from "../numerics/random.js";
import { replaceFile } from "../replace-file.js";
import { TimedInputs } from "./timed-inputs.js";

/** The rival: the yardstick at -O3 for this machine, with OpenMP on its independent loops where there are threads, by the better compiler per entry. */
export interface Baseline {
  libraries: Artifact[];
  /** Index into `libraries` by entry and timed size. */
  choose: (entry: string, sizes: Sizes) => number;
  compilers: string[];
  flags: string[];
  source: string;
  sourceHash: string;
}

export function baselineCandidate(loaded: LoadedSpec, variant: Variant, target: Target, compiler: string, threads: number): Candidate {
  const openmp = threads > 1 ? target.tuningSpace(variant).openmp : null;
  const loops = Object.fromEntries(Object.entries(loaded.spec.entries).map(([name, entry]) => [name, entry.independent ?? []]));
  const text = openmp ? parallelise(loaded.referenceText, loops) : loaded.referenceText;
  const flags = ["-std=c11", ...target.baselineFlags(compiler), ...typeFlags(variant), ...(openmp?.compile ?? [])];
  return {
    files: { "baseline.c": text },
    manifest: { language: "c", compiler, units: [{ source: "baseline.c", flags }], linkFlags: openmp?.link ?? [] },
  };
}

/** Builds the baseline with every compiler and finds, once per spec, target and machine class, which is the better one for each entry and size. */
export async function findBaseline(options: {
  bench: ReferenceBench;
  target: Target;
  toolchains: Toolchain[];
  machine: MachineClass;
  threads: number;
  support: Record<string, string>;
  cacheDirectory: string;
}): Promise<Baseline> {
  const { bench, target, toolchains, machine, threads, support } = options;
  const { loaded, variant } = bench;
  const entries = entrySignatures(loaded.spec, variant);
  const compilers = target.tuningSpace(variant).compilers.filter((name) => toolchains.some((toolchain) => toolchain.name === name));
  const candidates = compilers.map((compiler) => baselineCandidate(loaded, variant, target, compiler, threads));
  const libraries: Artifact[] = [];
  for (const candidate of candidates) {
    const build = await target.build({ candidate, support, entries, mode: "plain", threads });
    if (build.status === "failed") throw new Error(`the baseline does not build: ${build.log}`);
    libraries.push(build.artifact);
  }
  const key = createHash("sha256")
    .update(JSON.stringify([libraries.map((library) => library.hash), machine, threads, loaded.spec.cases.timed]))
    .digest("hex")
    .slice(0, 32);
  const path = join(options.cacheDirectory, "baselines", `${key}.json`);
  const known = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, number>) : null;
  const better = known ?? (await compareCompilers(options, libraries));
  if (known === null) replaceFile(path, JSON.stringify(better));
  const source = candidates[0]!.files["baseline.c"]!;
  return {
    libraries,
    choose: (entry, sizes) => better[caseKey(entry, sizes)] ?? 0,
    compilers,
    flags: candidates[0]!.manifest.units[0]!.flags,
    source,
    sourceHash: createHash("sha256").update(source).digest("hex"),
  };
}

const caseKey = (entry: string, sizes: Sizes): string => `${entry} ${JSON.stringify(sizes)}`;

/** Best of three alternating calls each: compilers that are within noise of each other are equally good rivals. */
async function compareCompilers(options: Parameters<typeof findBaseline>[0], libraries: Artifact[]): Promise<Record<string, number>> {
  const { bench, target, threads, machine } = options;
  const { spec } = bench.loaded;
  if (libraries.length === 1) return {};
  const better: Record<string, number> = {};
  const session = await target.open({
    libraries,
    entries: entrySignatures(spec, bench.variant),
    threads,
    memory: "plain",
    wallMs: 1_200_000,
  });
  try {
    for (const entry of Object.keys(spec.entries))
      for (const sizes of spec.cases.timed) {
        const timed = await TimedInputs.draw(bench, entry, sizes, deriveSeed("baseline", spec.name), machine.cacheBytes.l3 / 16);
        await timed.fill(session, entry);
        const best = libraries.map(() => Number.POSITIVE_INFINITY);
        for (let round = 0; round < 3; round++)
          for (const library of libraries.keys()) {
            const report = await session.call({ library, entry, set: 0, sizes, scalars: timed.kernelCase.scalars, poison: 0x7fc07fc0 });
            if (report.status !== "returned") throw new Error(`the baseline of ${entry} failed: ${JSON.stringify(report)}`);
            best[library] = Math.min(best[library]!, report.durationNs);
          }
        better[caseKey(entry, sizes)] = best.indexOf(Math.min(...best));
      }
  } finally {
    await session.close();
  }
  return better;
}
