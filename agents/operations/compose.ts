import type { Operation, OperationKernel } from "../../specs/contracts/operations.js";
import type { Candidate, CandidateManifest, TuningSpace } from "../../specs/contracts/target.js";
import { parallelise, typeFlags } from "../../specs/lower-reference.js";

type Unit = CandidateManifest["units"][number];

export const frameSource = "trainer.c";
/** Where an operation's files lie among those of the whole. */
export const folderOf = (operation: string): string => `operations/${operation}/`;

const withDefinitions = (flags: readonly string[], chosen: CandidateManifest["chosen"] = {}): string[] => [
  ...flags,
  ...Object.entries(chosen).map(([name, value]) => `-D${name}=${value}`),
];

/** The frame alone, which no operation has been put into yet. */
export function frameOf(text: string, space: TuningSpace, compiler: string): Candidate {
  const flags = ["-std=c11", space.optimisation[0]!, ...space.machine, ...(space.openmp?.compile ?? [])];
  return {
    files: { [frameSource]: text },
    manifest: { language: "c", compiler, units: [{ source: frameSource, flags }], linkFlags: space.openmp?.link ?? [] },
  };
}

/** The plain operation: its reference at a variant's types, with OpenMP on the loops that its exam calls independent. */
export function plainKernel(
  { loaded }: Operation,
  space: TuningSpace,
  types: { store: "f32" | "bf16"; accumulate: "f32" },
): OperationKernel {
  const { spec, referenceText } = loaded;
  const loops = Object.fromEntries(Object.entries(spec.entries).map(([name, entry]) => [name, entry.independent ?? []]));
  const plain = ["-std=c11", space.optimisation[0]!, ...space.machine, ...(space.openmp?.compile ?? [])];
  const flags = [...plain, ...typeFlags(types), "-DFORGE_ORDER=SIMD"];
  return {
    label: "the reference",
    candidate: {
      files: { "kernel.c": parallelise(referenceText, loops) },
      manifest: {
        language: "c",
        compiler: space.compilers[0]!,
        units: [{ source: "kernel.c", flags }],
        linkFlags: space.openmp?.link ?? [],
      },
    },
  };
}

/**
 * The whole with another kernel in an operation's place. All units are compiled by one compiler, for those of two bring a runtime of OpenMP
 * each; the kernel's own may be asked for.
 */
export function withKernel(whole: Candidate, operation: Operation, { candidate }: OperationKernel, compiler: string): Candidate {
  const folder = folderOf(operation.name);
  const isOther = (name: string) => !name.startsWith(folder);
  const files = Object.fromEntries(Object.entries(whole.files).filter(([name]) => isOther(name)));
  for (const [name, text] of Object.entries(candidate.files)) files[folder + name] = text;
  // Beside every source, where a quoted include looks first: all operations' headers have one name.
  for (const { source } of candidate.manifest.units) files[`${folder}${source.replace(/[^/]*$/, "")}forge_kernel.h`] = operation.header;
  const units: Unit[] = candidate.manifest.units.map(({ source, flags }) => ({
    source: folder + source,
    flags: withDefinitions(flags, candidate.manifest.chosen),
  }));
  const { manifest } = whole;
  const linkFlags = [...new Set([...manifest.linkFlags, ...candidate.manifest.linkFlags])];
  return {
    files,
    manifest: { ...manifest, compiler, units: [...manifest.units.filter(({ source }) => isOther(source)), ...units], linkFlags },
  };
}

/** Why a kernel cannot be put into a trainer, or null. */
export function unfitness({ candidate }: OperationKernel): string | null {
  return candidate.manifest.language === "c" ? null : `it is written in ${candidate.manifest.language}, and the frame in C`;
}
