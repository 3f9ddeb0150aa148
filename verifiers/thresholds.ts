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
  /** A candidate wrong on 1 % of rows, spread over calls, escapes with this probability over the first units. */
  spotCheckEscape: 0.001,
  /** Every call's outputs are sealed; of a unit's calls so many are compared per output, and so many once the above has been reached. */
  comparedCalls: 24,
  laterComparedCalls: 8,
  /** Probability of calling a thing faster or slower than itself, both together. */
  speedFalseClaim: 0.002,
  /** Differences below this share are not claimed: two processes of one binary differ by as much. */
  speedResolution: 0.01,
  /** An effect this large may be decided after `grossUnits` units. */
  grossEffect: 1.35,
  grossUnits: 5,
  /** Share of a side's calls in a unit, the slowest, that its time leaves out: bursts of others' memory traffic, which no CPU counter shows. */
  slowestShare: 0.25,
  /** By so much the ratio over all calls may fall short of the low end of the interval without them. */
  meanShortfall: 0.1,
  /** So much longer a candidate's calls may take by the harness's clock than by the runner's, beyond the baseline's, before it counts as their time. */
  clockToleranceNs: 20_000,
  blockMs: 50,
  blockCalls: 4,
  /** A block of slow calls that lasts as long as this has enough of them with two. */
  longBlockMs: 250,
  /** Share of a core that others may use in a window before its blocks are repeated. */
  foreignCpuShare: 0.05,
  foreignWindowMs: 1000,
  /** Share of the physical limit from which nothing is left to win. */
  limitShare: 0.95,
  /** A time this much below the physical limit is impossible; the margin covers the error of the measured peaks. */
  physicsMargin: 1.15,
  /** So often peaks are measured again, beside what seems to exceed them, before anything is called faster than physics. */
  peakRepeats: 3,
  determinismRepeats: 4,
} as const;
