import { speedThresholds } from "./speed/speed-thresholds.js";

/** The thresholds of a verdict, in one place; printed in every verdict. docs/verdict.md says where each comes from. */
export const thresholds = {
  /** Root-mean-square error before storing may be this many times the worst honest evaluation's. */
  envelopeRms: 2,
  /** Maximum error likewise. */
  envelopeMax: 4,
  /** Honest evaluations on inputs moved by a unit in the last place, beside the eight orders and roundings of sums. */
  honestJitters: 6,
  /** Draws of numbers in place of a single zero that must leave its sign as it is before it is asked for; of many zeros fewer, but 4. */
  zeroSignDraws: 20,
  /** Rounding of the accumulation type that any honest evaluation may add, in units in the last place of the result. */
  roundingFloorRmsUlp: 1,
  roundingFloorMaxUlp: 2,
  /** Projections of the error must stay within this many standard deviations; so must the rms of few values. */
  biasDeviations: 6,
  /** Relative common factor that honest statistics in the accumulation type may carry, in its units in the last place: a reciprocal root of 2, and as much for sums and a division. */
  biasFactorUlp: 4,
  determinismRepeats: 4,
  ...speedThresholds,
} as const;
