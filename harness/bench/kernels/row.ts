import type { Sizes } from "../../../specs/contracts/spec.js";

/** A rival's time over the forged kernel's, with its interval: 1.25 means that the forged one is a quarter faster. */
export interface MeasuredRatio {
  status: "measured";
  ratio: number;
  low: number;
  high: number;
  /** Coverage of [low, high], between 0 and 1. */
  confidence: number;
  seconds: number;
  /** Fraction of the physical limit that the rival reaches. */
  limitFraction: number;
  /** Of torch.compile; null where nothing is compiled from a graph. */
  graphBreaks: number | null;
}

export type RivalFigure =
  | MeasuredRatio
  /** It reached too little of what is known of it: beating it would be no win. */
  | { status: "mis-tuned"; reason: string; seconds: number; limitFraction: number; graphBreaks: number | null }
  | { status: "skipped"; reason: string }
  /** It ran, but its result is not the oracle's, or it broke. */
  | { status: "broken"; reason: string };

/** What is measured in one row. */
export interface RowSubject {
  spec: string;
  variant: string;
  target: string;
  entry: string;
  direction: "forward" | "backward";
  sizes: Sizes;
}

export type KernelRow = RowSubject &
  (
    | {
        status: "measured";
        forgedSeconds: number;
        limitFraction: number;
        limitedBy: "compute" | "bandwidth";
        rounds: number;
        /** Others used the machine while this was measured (only with --under-load). */
        underLoad: boolean;
        baseline: MeasuredRatio;
        /** By the peer's name. */
        peers: Record<string, RivalFigure>;
      }
    /** Certified with what this machine does not have. */
    | { status: "skipped"; reason: string }
    | { status: "failed"; reason: string }
    | { status: "errored"; reason: string }
  );

/** Nothing accepted lies in the folder. */
export interface MissingFolder {
  spec: string;
  variant: string;
  target: string;
  folder: string;
}
