import { readFileSync } from "node:fs";
import type { Peaks } from "../../specs/contracts/target.js";
import { replaceFile } from "../replace-file.js";

/**
 * Peaks are measured once and kept in a file. Measured `anew`, each becomes the higher of what was kept and what is found: whoever else
 * used the machine the first time made it look slower than it is, and nothing makes it look faster.
 */
export async function keptPeaks(path: string, anew: boolean, measure: () => Promise<Peaks>): Promise<Peaks> {
  const kept = read(path);
  if (kept && !anew) return kept;
  const found = await measure();
  const peaks = kept ? higher(kept, found) : found;
  replaceFile(path, JSON.stringify(peaks, null, 2));
  return peaks;
}

function read(path: string): Peaks | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Peaks;
  } catch {
    return null;
  }
}

function higher(kept: Peaks, found: Peaks): Peaks {
  return {
    threads: found.threads,
    flopsPerSecond: highest(kept.flopsPerSecond, found.flopsPerSecond),
    bytesPerSecond: highest(kept.bytesPerSecond, found.bytesPerSecond),
  };
}

const highest = <Rates extends { [name: string]: number }>(kept: Rates, found: Rates): Rates =>
  Object.fromEntries(Object.entries(found).map(([name, rate]) => [name, Math.max(rate, kept[name] ?? 0)])) as Rates;
