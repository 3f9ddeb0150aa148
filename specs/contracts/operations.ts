import type { RatioInterval } from "../verdict-speed.js";
import type { LoadedSpec } from "./spec.js";
import type { Candidate } from "./target.js";

/** An operation that a trainer is made of: its exam as kernels sit it, and the header that a kernel of it includes. */
export interface Operation {
  name: string;
  loaded: LoadedSpec;
  header: string;
}

/** What an operation takes of a step, and what forging it could win. */
export interface PlannedOperation {
  operation: string;
  /** Of the time that the trainer's own code takes of a step, 0..1; null where the chip cannot tell. */
  share: number | null;
  /** How much faster the whole would be if the operation took no time at all (Amdahl's law); null where the share is not known. */
  most: number | null;
  isPlanned: boolean;
}

/** Code of an operation that is known to be right, and where it is from. */
export interface OperationKernel {
  label: string;
  candidate: Candidate;
}

/** What forging one operation came to. */
export interface ForgedOperation {
  kernels: OperationKernel[];
  /** In words, where there is something to say: what could not be taken, why a goal came to nothing. */
  remarks: string[];
  /** The machine or the harness kept its goal from an end: nothing is said of the operation. */
  isOpen: boolean;
}

export type Race =
  | { status: "measured"; outcome: "faster" | "slower" | "within" | "undecided"; interval: RatioInterval }
  | { status: "refused"; reason: string }
  | { status: "errored"; reason: string };

/** How it ended with an operation. `interval`: the whole with it over the whole without, where they were measured side by side. */
export interface MergeDecision {
  operation: string;
  label: string;
  merged: boolean;
  interval: RatioInterval | null;
  reason: string;
}

/** What the harness does for whoever makes a trainer of operations. */
export interface OperationBench {
  operations: readonly Operation[];
  /** The operations that were asked for by name; null where the plan says which. */
  only: readonly string[] | null;
  /** Share of each source file in the time that the candidate's own code takes of a step; null where the chip cannot tell. */
  fileShares(whole: Candidate): Promise<Record<string, number> | null>;
  /** Kernels of an operation: what was accepted before or else, or where it is to be forged anew, what a goal of its own comes to. */
  forge(operation: string): Promise<ForgedOperation>;
  /** Of the kernels that `forge` has given, in this session or an earlier one, those that are still there. */
  kernelsAtHand(operation: string): OperationKernel[];
  /** Which of two trainers is faster at the shape that is trained at: the first over the second, by the test of verdicts on speed. */
  race(whole: Candidate, rival: Candidate): Promise<Race>;
  /** Of this run, from earlier sessions too. */
  decisions(): readonly MergeDecision[];
  /** Each is in the run's log before it returns. */
  planned(operations: PlannedOperation[]): void;
  decided(decision: MergeDecision): void;
}
