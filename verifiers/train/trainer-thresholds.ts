import { thresholds } from "../thresholds.js";

/** The thresholds of a trainer's verdict, in one place; docs/trainers.md says where each comes from. */
export const trainerThresholds = {
  envelopeRms: thresholds.envelopeRms,
  envelopeMax: thresholds.envelopeMax,
  biasDeviations: thresholds.biasDeviations,
  /** Two-sided probability that an honest trainer's mean loss lies outside of the references' prediction interval. */
  trainingError: 0.002,
  /** An honest trainer may round this many times as much as the references do: their scatter counts so often. */
  trainingScatter: thresholds.envelopeRms,
  /** Loss of any step against the references' mean at that step: what ForgeTrain asks for. */
  trainingStepShare: 0.01,
  /** Steps at the end of a long run over which the loss is averaged, at most. */
  trainingLastSteps: 100,
  /** Gradient norms of timed steps against the baseline's, which trains on the same. */
  timedNormShare: 0.05,
  /** The same in mixed precision, where two honest trainers are 5 % apart after a few steps at the peak rate. */
  timedNormShareMixed: 0.25,
  /** A duel that has measured so long and not decided is undecided. */
  speedLimitMs: 180_000,
} as const;
