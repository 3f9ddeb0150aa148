/** The thresholds of what is timed; `verifiers/thresholds.ts` has all. A file of their own: what an exam notices does not depend on them. */
export const speedThresholds = {
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
  grossUnits: 6,
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
  /** The same of what a hypervisor took, which rented machines are never without and nobody can stop. */
  stolenCpuShare: 0.15,
  foreignWindowMs: 1500,
  /** Of a window after which a decision may fall. */
  leastWindowMs: 500,
  /** Share of the physical limit from which nothing is left to win. */
  limitShare: 0.95,
  /** A time this much below the physical limit is impossible; the margin covers the error of the measured peaks. */
  physicsMargin: 1.15,
  /** So often peaks are measured again, beside what seems to exceed them, before anything is called faster than physics. */
  peakRepeats: 3,
} as const;
