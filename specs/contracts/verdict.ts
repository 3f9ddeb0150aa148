import type { ElementType, Regime, Sizes } from "./spec.js";

/** The order in which a candidate is judged; the first failure stops. */
export const kernelChecks = ["rules", "build", "memory", "align", "determinism", "speed", "confirmation"] as const;
/**
 * The same of a trainer: `forward` to `training` are milestones M3 to M6 of its exam (M1 and M2, single operations, are exams of their own
 * under specs/kernels/), `speed` is S1.
 */
export const trainerChecks = [
  "rules",
  "build",
  "memory",
  "forward",
  "backward",
  "steps",
  "checkpoint",
  "training",
  "speed",
  "confirmation",
] as const;
export type TrainerCheckName = (typeof trainerChecks)[number];
export type CheckName = (typeof kernelChecks)[number] | TrainerCheckName;

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
  /** Of a trainer: it crashed, hung, answered with a status, or touched what is not its own. */
  | { kind: "fault"; detail: string }
  | {
      kind: "misaligned";
      visibility: "public" | "recorded" | "hidden" | "own";
      gate: AlignmentGate;
      /** What was compared: "logits", "step 1: loss", "model.norm.weight: second moment". */
      output: string;
      timesOver: number;
      /** On public cases only. */
      mismatch?: Mismatch;
    }
  | { kind: "training"; detail: string }
);

/** Shares of one core that others had while something was measured. */
export interface MachineLoad {
  /** Used by processes of this machine that are not ours. */
  foreign: number;
  /** Kept by the hypervisor, which gave it to other machines. */
  stolen: number;
}

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
  /** Over all units that were kept; records before 2026-11-30 do not have it. */
  load?: MachineLoad;
}

/** Loss by step of a long run: the candidate's, and the references' that it is held against. */
export interface TrainingCurve {
  candidate: number[];
  references: number[][];
  /** Mean loss over the last steps, and the interval that an honest trainer's lies in. */
  mean: number;
  low: number;
  high: number;
}

export type CheckStatus = "passed" | "failed" | "undecided" | "skipped" | "errored";

interface CheckBase {
  check: CheckName;
  durationMs: number;
  /** What was looked at, in one line for people. */
  summary: string;
}
export type CheckResult =
  | (CheckBase & { status: "passed"; figures?: SpeedFigure[]; warnings?: string[]; curve?: TrainingCurve })
  | (CheckBase & { status: "failed"; evidence: Evidence[]; figures?: SpeedFigure[]; curve?: TrainingCurve })
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
  /** Hex seeds, revealed after judging, so that anyone can repeat the hidden cases. `training`: of a trainer's long run. */
  seeds: { hidden: string; timed: string; confirmation?: string; training?: string };
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
