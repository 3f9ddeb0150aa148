import type { Peaks } from "../../specs/contracts/target.js";

/** A round that raises no peak by more than this share says that they have been reached. */
const settled = 0.02;
const fewestRounds = 3;
const mostRounds = 16;
/** No round begins after this. */
const patienceMs = 45_000;

/** Caches that a kernel reads at the same rate, because it computes no faster, may come out in either order by this share. */
const alike = 0.05;
/** From the nearest to the farthest. */
const levels: (keyof Peaks["bytesPerSecond"])[] = ["l1", "l2", "l3", "dramRead"];

/**
 * Measures every peak once per round and keeps the highest of each. Rounds go on until one raises nothing and no cache seems slower
 * than the one behind it: peaks are kept for good, and others may be using the machine while they are measured.
 */
export async function bestOfRounds<Name extends string>(
  measures: Record<Name | keyof Peaks["bytesPerSecond"], () => Promise<number>>,
): Promise<Record<Name | keyof Peaks["bytesPerSecond"], number>> {
  const names = Object.keys(measures) as (keyof typeof measures)[];
  const best = Object.fromEntries(names.map((name) => [name, 0])) as Record<keyof typeof measures, number>;
  const startedAt = performance.now();
  for (let round = 1; round <= mostRounds && (round === 1 || performance.now() - startedAt < patienceMs); round++) {
    let raised = false;
    for (const name of names) {
      const value = await measures[name]();
      raised ||= value > best[name] * (1 + settled);
      best[name] = Math.max(best[name], value);
    }
    const ordered = levels.every((level, index) => index === 0 || best[levels[index - 1]!] * (1 + alike) >= best[level]);
    if (round >= fewestRounds && ordered && !raised) break;
  }
  return best;
}
