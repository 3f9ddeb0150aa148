/** What is asked of the speed verdict, and how its answers are counted. */
export const experiments = ["A/A", "+5 %", "A/A under load"] as const;
export type Experiment = (typeof experiments)[number];

export type Outcome = "faster" | "slower" | "within" | "undecided" | "errored" | "failed";

export interface BenchCase {
  experiment: Experiment;
  callMicroseconds: number;
}

const shares: Record<Experiment, number> = { "A/A": 1000, "+5 %": 200, "A/A under load": 200 };
const callLengths = [50, 1000, 50_000];

/** `total` cases in the proportion 1000 : 200 : 200, a third of each per call length, interleaved so that any prefix is a fair sample. */
export function casesOf(total: number): BenchCase[] {
  const sum = Object.values(shares).reduce((all, share) => all + share, 0);
  const cases: { at: number; benchCase: BenchCase }[] = [];
  for (const experiment of experiments) {
    const count = Math.round((shares[experiment] / sum) * total);
    for (let i = 0; i < count; i++)
      cases.push({ at: (i + 0.5) / count, benchCase: { experiment, callMicroseconds: callLengths[i % callLengths.length]! } });
  }
  return cases.sort((a, b) => a.at - b.at).map(({ benchCase }) => benchCase);
}

export interface Tally {
  experiment: Experiment;
  callMicroseconds: number;
  counts: Record<Outcome, number>;
  total: number;
  /** Verdicts that say what is not so: A/A called faster or slower; +5 % called faster or within 1 %. */
  falseClaims: number;
  /** 0.5 % of the verdicts, at least one: what VERDICT's stated error of 0.2 % may come to by chance. */
  allowedFalseClaims: number;
  /** +5 % only: how many were called slower. */
  seen: number;
}

export function tallyOf(
  results: { experiment: Experiment; callMicroseconds: number; outcome: Outcome }[],
  experiment: Experiment,
  callMicroseconds: number,
): Tally {
  const mine = results.filter((result) => result.experiment === experiment && result.callMicroseconds === callMicroseconds);
  const counts: Record<Outcome, number> = { faster: 0, slower: 0, within: 0, undecided: 0, errored: 0, failed: 0 };
  for (const { outcome } of mine) counts[outcome]++;
  const falseClaims = experiment === "+5 %" ? counts.faster + counts.within + counts.failed : counts.faster + counts.slower + counts.failed;
  return {
    experiment,
    callMicroseconds,
    counts,
    total: mine.length,
    falseClaims,
    allowedFalseClaims: Math.max(1, Math.floor(mine.length * 0.005)),
    seen: counts.slower,
  };
}

/** Upper end of the one-sided 95 % interval of a rate of which `events` were seen in `total` (Clopper and Pearson 1934), by bisection. */
export function rateUpperBound(events: number, total: number): number {
  if (total === 0) return 1;
  const atMost = (rate: number): number => {
    let term = (1 - rate) ** total;
    let sum = term;
    for (let i = 0; i < events; i++) {
      term *= ((total - i) / (i + 1)) * (rate / (1 - rate));
      sum += term;
    }
    return sum;
  };
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (atMost(middle) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}

/** Rows of text: a heading, then one per experiment and call length. */
export function tallyRows(tallies: Tally[]): string[][] {
  const heading = [
    "experiment",
    "a call",
    "verdicts",
    "faster",
    "slower",
    "within 1 %",
    "undecided",
    "errored",
    "failed",
    "false",
    "false, 95 % bound",
  ];
  return [
    heading,
    ...tallies.map(({ experiment, callMicroseconds, counts, total, falseClaims }) => [
      experiment,
      callMicroseconds >= 1000 ? `${callMicroseconds / 1000} ms` : `${callMicroseconds} us`,
      String(total),
      ...(["faster", "slower", "within", "undecided", "errored", "failed"] as const).map((outcome) => String(counts[outcome])),
      String(falseClaims),
      `${(100 * rateUpperBound(falseClaims, total)).toFixed(2)} %`,
    ]),
  ];
}
