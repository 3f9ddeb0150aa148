import type { LoadedSpec, Sizes } from "../../../specs/contracts/spec.js";

/**
 * Timed sizes that make a call a fraction of a millisecond, so that a verdict takes seconds. The inputs of 512 sets, the most that
 * rotate, still exceed twice a last-level cache of 32 MiB.
 */
const smallSizes: Record<string, Sizes> = {
  rmsnorm: { rows: 256, dim: 512 },
  linear: { tokens: 192, in_features: 256, out_features: 128 },
  "softmax-cross-entropy": { rows: 64, classes: 2048 },
};

/** Calls of milliseconds: between shorter ones the WASM runner mostly sleeps and wakes, which counts as somebody else's load. */
const longerSizes: Record<string, Sizes> = {
  rmsnorm: { rows: 2048, dim: 1024 },
  linear: { tokens: 384, in_features: 256, out_features: 256 },
  "softmax-cross-entropy": { rows: 128, classes: 10_000 },
};

/** The same exam, timed at a small size only (or at `timed`); everything else stays as it is. */
export function withSmallSizes(loaded: LoadedSpec, target: string, timed?: Sizes): LoadedSpec {
  const { name, cases } = loaded.spec;
  const sizes = timed ?? (target === "wasm-simd" ? longerSizes : smallSizes)[name];
  if (!sizes) throw new Error(`oddities of ${name} have no small size to be timed at: name one in oddity.yaml`);
  return { ...loaded, spec: { ...loaded.spec, cases: { ...cases, timed: [sizes] } } };
}

export const sizesText = (sizes: Sizes): string =>
  Object.entries(sizes)
    .map(([symbol, value]) => `${symbol}=${value}`)
    .join(" ");
