import type { Evidence } from "../../specs/contracts/verdict.js";
import type { Law } from "../laws.js";
import { thresholds } from "../thresholds.js";
import type { Side } from "./contestant.js";
import { median } from "./units.js";

/** More than this by our clock beyond the runner's, and this share of a call, no honest candidate needs. */
const allowedExcessNs = 300_000;
const allowedExcessShare = 0.25;

/**
 * The runner's clock shares a process with the candidate, ours does not: what calls take by ours and not by the runner's, beyond what the
 * baseline's calls do, is the candidate's doing.
 */
export class OutsideClock {
  private readonly overheadNs: Record<Side, number[]> = { candidate: [], baseline: [] };

  constructor(
    private readonly entry: string,
    private readonly suspended: Law | undefined,
  ) {}

  /** A call: nanoseconds from request to reply, and by the runner's clock. */
  record(side: Side, outsideNs: number, runnerNs: number): void {
    this.overheadNs[side].push(outsideNs - runnerNs);
  }

  /** What `hiddenSeconds` is told, to hear of the calls from now on. */
  now(): Record<Side, number> {
    return { candidate: this.overheadNs.candidate.length, baseline: this.overheadNs.baseline.length };
  }

  /** Seconds a call that count as the candidate's time, so that nobody gains by a clock that shares a process with it. */
  hiddenSeconds(since: Record<Side, number>): number {
    if (this.suspended === "outside clock") return 0;
    const excessNs = median(this.overheadNs.candidate.slice(since.candidate)) - median(this.overheadNs.baseline.slice(since.baseline));
    return Math.max(0, excessNs - thresholds.clockToleranceNs) / 1e9;
  }

  judge(candidateSeconds: number): Evidence | null {
    if (this.suspended === "outside clock") return null;
    const excessNs = median(this.overheadNs.candidate) - median(this.overheadNs.baseline);
    if (excessNs <= allowedExcessNs + allowedExcessShare * 1e9 * candidateSeconds) return null;
    return {
      law: "outside clock",
      kind: "speed",
      entry: this.entry,
      detail: `calls took ${(excessNs / 1e6).toFixed(3)} ms longer by our clock than by the runner's: work outside the timed region, or a patched clock`,
    };
  }
}
