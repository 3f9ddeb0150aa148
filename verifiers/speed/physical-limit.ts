import type { Entry, Sizes, Variant } from "../../specs/contracts/spec.js";
import type { MachineClass, Peaks } from "../../specs/contracts/target.js";
import { bytesPerElement } from "../../specs/entry-signature.js";
import { evaluateFormula } from "../../specs/expression.js";

export interface PhysicalLimit {
  flops: number;
  bytes: number;
  /** The least time that the measured peaks allow. */
  seconds: number;
  limitedBy: "compute" | "bandwidth";
}

/** The roofline: compulsory bytes over bandwidth, or FLOPs over peak, whichever is longer (Williams, Waterman and Patterson 2009). */
export function physicalLimit(
  entry: Entry,
  sizes: Sizes,
  variant: Variant,
  peaks: Peaks,
  machine: MachineClass,
  warm: boolean,
): PhysicalLimit {
  const values = { ...sizes, store_bytes: bytesPerElement(variant.store), accumulate_bytes: bytesPerElement(variant.accumulate) };
  const flops = evaluateFormula(entry.flops, values);
  const bytes = evaluateFormula(entry.bytes, values);
  const peakFlops = peaks.flopsPerSecond[variant.store] ?? peaks.flopsPerSecond.f32!;
  const { l1, l2, l3, dramRead, dramCopy } = peaks.bytesPerSecond;
  const cached =
    bytes < machine.cacheBytes.l1d ? l1 : bytes < machine.cacheBytes.l2 * peaks.threads ? l2 : bytes < machine.cacheBytes.l3 ? l3 : null;
  const bandwidth = warm && cached !== null ? cached : Math.max(dramRead, dramCopy);
  const computeSeconds = flops / peakFlops;
  const bandwidthSeconds = bytes / bandwidth;
  return computeSeconds > bandwidthSeconds
    ? { flops, bytes, seconds: computeSeconds, limitedBy: "compute" }
    : { flops, bytes, seconds: bandwidthSeconds, limitedBy: "bandwidth" };
}
