import type { LoadedSpec, Variant } from "../../specs/contracts/spec.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { typeFlags } from "../../specs/lower-reference.js";

/**
 * Honest evaluations: the reference in the accumulation type, in eight orders and roundings. What storing adds is known exactly and comes
 * on top. Equal terms are all rounded the same way while a sum stays between two powers of two, so errors drift, by an amount that is
 * chance; 1, 2, 4, 8 and 16 partial sums pass through every such range, and any other number of them does no worse than these.
 */
export const honestOrders = [
  ["-DFORGE_ORDER=SERIAL", "-ffp-contract=off"],
  ["-DFORGE_ORDER=REVERSED", "-ffp-contract=off"],
  ["-DFORGE_ORDER=PAIRWISE", "-ffp-contract=off"],
  ["-DFORGE_ORDER=BLOCKED", "-DFORGE_BLOCKS=8", "-ffp-contract=off"],
  ["-DFORGE_ORDER=BLOCKED", "-DFORGE_BLOCKS=16", "-ffp-contract=off"],
  ["-DFORGE_ORDER=SERIAL", "-ffp-contract=fast", "-march=native"],
  ["-DFORGE_ORDER=BLOCKED", "-DFORGE_BLOCKS=2", "-ffp-contract=off"],
  ["-DFORGE_ORDER=BLOCKED", "-DFORGE_BLOCKS=4", "-ffp-contract=off"],
];
/** Serial, reversed and fused: the orders that err the most, to be repeated on inputs moved by a unit in the last place. */
export const jitteredOrders = [0, 1, 5];

/** The reference as a candidate, compiled for these types with these flags. */
export function referenceCandidate(loaded: LoadedSpec, types: Variant | "oracle", compiler: string, flags: string[]): Candidate {
  const unit = { source: "reference.c", flags: ["-std=c11", "-O2", ...typeFlags(types), ...flags] };
  return {
    files: { "reference.c": loaded.referenceText },
    manifest: { language: "c", compiler, units: [unit], linkFlags: [] },
  };
}
