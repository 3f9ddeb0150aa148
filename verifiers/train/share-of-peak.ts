import type { Variant } from "../../specs/contracts/spec.js";
import type { Peaks, Target } from "../../specs/contracts/target.js";
import { thresholds } from "../thresholds.js";

/**
 * Which share of the chip's measured peak in the variant's type so many FLOPs a second are. A share above all is measured against peaks
 * taken anew: those that are kept may be a busy machine's.
 */
export async function shareOfPeak(target: Target, variant: Variant, threads: number, flopsPerSecond: number): Promise<number> {
  const peakOf = (peaks: Peaks): number => peaks.flopsPerSecond[variant.store] ?? peaks.flopsPerSecond.f32!;
  let peak = peakOf(await target.peaks(threads));
  for (let repeat = 0; repeat < thresholds.peakRepeats && flopsPerSecond > peak; repeat++) peak = peakOf(await target.peaks(threads, true));
  return flopsPerSecond / peak;
}
