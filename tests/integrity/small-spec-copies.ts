import { join } from "node:path";
import { packageRoot } from "../../harness/package-root.js";
import type { LoadedSpec, Sizes } from "../../specs/contracts/spec.js";
import { loadSpec } from "../../specs/load-spec.js";
import type { Cheater } from "./cheater-file.js";

/** Large enough that an answer that is kept pays, small enough that a verdict takes seconds. */
export const timedSizes: Record<Cheater["spec"], Sizes> = {
  rmsnorm: { rows: 1024, dim: 1024 },
  linear: { tokens: 128, in_features: 256, out_features: 256 },
  "softmax-cross-entropy": { rows: 32, classes: 16384 },
};

const secondSizes: Record<Cheater["spec"], Sizes> = {
  rmsnorm: { rows: 2048, dim: 512 },
  linear: { tokens: 256, in_features: 128, out_features: 256 },
  "softmax-cross-entropy": { rows: 64, classes: 8192 },
};

/** A shipped spec with the cheater's entry and what its inputs come from; smaller timed sizes, every gate as it is. */
export function copyFor(cheater: Cheater): LoadedSpec {
  const loaded = loadSpec(join(packageRoot(), "specs", "kernels", `${cheater.spec}.yaml`));
  const spec = structuredClone(loaded.spec);
  const needed = new Set([cheater.entry]);
  for (const buffer of Object.values(spec.entries[cheater.entry]?.buffers ?? {}))
    if (buffer.role === "input" && buffer.draw?.kind === "from") needed.add(buffer.draw.entry);
  if (!spec.entries[cheater.entry]) throw new Error(`${cheater.name}: ${cheater.spec} has no entry ${cheater.entry}`);
  for (const name of Object.keys(spec.entries)) if (!needed.has(name)) delete spec.entries[name];
  const sizes = timedSizes[cheater.spec];
  spec.cases.timed = cheater.timedTwice ? [sizes, secondSizes[cheater.spec]] : [sizes];
  if (cheater.libraries) spec.rules.libraries = cheater.libraries.filter((name) => spec.rules.libraries.includes(name));
  return { ...loaded, spec };
}
