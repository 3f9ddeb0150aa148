import type { AlignmentGate, CheckStatus, Mismatch, TimeBreakdown } from "./verdict.js";

/**
 * The order in which a trainer is judged; the first failure stops. `forward` to `training` are milestones M3 to M6 of the exam (M1 and M2,
 * single operations, are exams of their own under specs/kernels/), `speed` is S1.
 */
export const trainerCheckNames = ["rules", "build", "memory", "forward", "backward", "steps", "checkpoint", "training", "speed"] as const;
export type TrainerCheckName = (typeof trainerCheckNames)[number];

/** Evidence for a failure, with the law that found it. Hidden evidence names no layer, index, size or number of the case. */
export type TrainerEvidence = { law: string } & (
  | { kind: "rules"; detail: string }
  | { kind: "build"; log: string }
  /** It crashed, hung, answered with a status, or touched what is not its own. */
  | { kind: "fault"; detail: string }
  | {
      kind: "misaligned";
      visibility: "public" | "hidden" | "own";
      gate: AlignmentGate;
      /** What was compared: "logits", "step 1: loss", "model.norm.weight: second moment". */
      output: string;
      timesOver: number;
      /** On public cases only. */
      mismatch?: Mismatch;
    }
  | { kind: "training"; detail: string }
);

/** Steps per second beside the baseline: the sequential interval of the median of paired time ratios. */
export interface TrainerSpeedFigure {
  outcome: "faster" | "slower" | "within" | "undecided";
  ratio: number;
  low: number;
  high: number;
  confidence: number;
  units: number;
  tokensPerSecond: number;
  baselineTokensPerSecond: number;
  /** Model FLOPs over the measured peak of the variant's type. */
  modelFlopsUtilisation: number;
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

export interface TrainerCheckResult {
  check: TrainerCheckName;
  status: CheckStatus;
  durationMs: number;
  /** What was looked at, or what was found, in one line for people. */
  summary: string;
  evidence: TrainerEvidence[];
  warnings?: string[];
  figure?: TrainerSpeedFigure;
  curve?: TrainingCurve;
}

export interface TrainerVerdict {
  outcome: "failed" | "passed" | "surpassed" | "errored";
  checks: TrainerCheckResult[];
  /** Hex seeds, revealed after judging. */
  seeds: { hidden: string; training: string };
  thresholds: Record<string, number>;
  breakdown: TimeBreakdown;
  quick: boolean;
}
