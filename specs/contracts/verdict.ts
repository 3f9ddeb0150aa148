import type { ElementType, Regime, Sizes } from "./spec.js";

/** The order in which a candidate is judged; the first failure stops. */
export const checkNames = ["rules", "build", "memory", "align", "determinism", "speed", "confirmation"] as const;
export type CheckName = (typeof checkNames)[number];

/** Where a value stood and what was wrong with it; given in full on public cases only. */
export interface Mismatch {
  output: string;
  index: number[];
  expected: number;
  got: number;
  /** How many times over the bound. */
  timesOver: number;
}

export type AlignmentGate = "exact-probe" | "envelope-rms" | "envelope-max" | "bias" | "class" | "unwritten" | "freivalds" | "status";

/**
 * Evidence for a failure, with the law that found it (verifiers/laws.ts). `hidden` evidence names the law, the output and the regime,
 * never inputs, indices or sizes.
 */
export type Evidence = { law: string } & (
  | { kind: "rules"; detail: string }
  | { kind: "build"; log: string }
  | { kind: "memory"; detail: string; entry: string }
  | {
      kind: "alignment";
      visibility: "public";
      entry: string;
      gate: AlignmentGate;
      output: string;
      regime: Regime | "exact";
      sizes: Sizes;
      measured: number;
      bound: number;
      mismatches: Mismatch[];
    }
  | {
      kind: "alignment";
      visibility: "hidden";
      entry: string;
      gate: AlignmentGate;
      output: string;
      regime: Regime | "exact";
      timesOver: number;
    }
  | { kind: "determinism"; entry: string; output: string; differing: number }
  | { kind: "crash"; entry: string; detail: string }
  | { kind: "speed"; entry: string; detail: string }
);

/** `low`, `high`: the sequential interval of the median of paired time ratios baseline/candidate, at `confidence`. */
export interface SpeedFigure {
  entry: string;
  sizes: Sizes;
  outcome: "faster" | "slower" | "within" | "undecided";
  ratio: number;
  low: number;
  high: number;
  /** Coverage of [low, high], between 0 and 1. */
  confidence: number;
  /** ABBA units that the figure rests on. */
  units: number;
  calls: number;
  candidateSeconds: number;
  baselineSeconds: number;
  /** Fraction of the measured physical limit that the candidate reaches, 0..1 (1 = at the limit). */
  limitFraction: number;
  limitedBy: "compute" | "bandwidth";
  flopsPerSecond: number;
  bytesPerSecond: number;
}

export type CheckStatus = "passed" | "failed" | "undecided" | "skipped" | "errored";

interface CheckBase {
  check: CheckName;
  durationMs: number;
  /** What was looked at, in one line for people. */
  summary: string;
}
export type CheckResult =
  | (CheckBase & { status: "passed"; figures?: SpeedFigure[]; warnings?: string[] })
  | (CheckBase & { status: "failed"; evidence: Evidence[]; figures?: SpeedFigure[] })
  | (CheckBase & { status: "undecided"; reason: string; figures: SpeedFigure[] })
  | (CheckBase & { status: "skipped"; reason: string })
  | (CheckBase & { status: "errored"; reason: string });

/** `passed`: right. `surpassed`: right and faster than the baseline beyond doubt. */
export type Outcome = "failed" | "passed" | "surpassed" | "errored";

/** Where the time of a verdict went, in milliseconds. */
export interface TimeBreakdown {
  building: number;
  running: number;
  sealing: number;
  comparing: number;
  timing: number;
  other: number;
}

export interface Verdict {
  outcome: Outcome;
  checks: CheckResult[];
  /** Hex seeds, revealed after judging, so that anyone can repeat the hidden cases. */
  seeds: { hidden: string; timed: string; confirmation?: string };
  thresholds: Record<string, number>;
  breakdown: TimeBreakdown;
  quick: boolean;
}

/** A tensor on the harness's side: storage-exact values in the array type of the element type (bf16 as raw 16-bit words). */
export interface Tensor {
  type: ElementType;
  shape: number[];
  data: Float32Array | Float64Array | Uint16Array | Int32Array;
}

/** What a trial showed of one entry: its time at the timed sizes (sum of the best calls), or why it is out. */
export type EntryTrial = { status: "measured"; seconds: number } | { status: "rejected"; reason: string };
