import { isDeepStrictEqual } from "node:util";
import type { Certificate } from "../../specs/contracts/certificate.js";
import type { SpeedFinding, SpeedRule } from "../../specs/contracts/gate.js";
import type { MachineClass, Toolchain } from "../../specs/contracts/target.js";
import type { SpeedFigure } from "../../specs/contracts/verdict.js";
import { atLimit } from "../../verifiers/speed/check-speed.js";
import { thresholds } from "../../verifiers/thresholds.js";

/**
 * What counts as slower; docs/gate.md derives both. `atBase`: than the code that stood there at the base, run beside it, this much is
 * let pass. `certified`: than the certificate says; another day on the same machine class is no repetition, so this much and both intervals.
 */
export const speedTolerance = { atBase: 0.04, certified: 0.1 } as const;
/** Of races against the base two that say the same decide; so many are made at most. */
export const mostRaces = 5;

/** What one measurement says under one rule. */
export type SpeedReading = Pick<SpeedFinding, "outcome" | "ratio" | "low" | "high" | "detail">;

const interval = (ratio: number, low: number, high: number): string => `${ratio.toFixed(2)}x [${low.toFixed(2)}, ${high.toFixed(2)}]`;

/** `figure` is of the code at the base, raced against the code of now: where the first is faster, the second fell. */
export function readAgainstBase(figure: SpeedFigure, baseName: string): SpeedReading {
  const [ratio, low, high] = [1 / figure.ratio, 1 / figure.high, 1 / figure.low];
  const least = 1 / (1 + speedTolerance.atBase);
  // The duel's own word, not its interval alone: slow calls that were left out of the times count too.
  const outcome = figure.outcome === "faster" && high < least ? "fell" : low > least ? "held" : "unclear";
  const detail = `${interval(ratio, low, high)} the speed of the code at the base (${baseName}), run beside it; at least ${least.toFixed(2)}x is asked`;
  return { outcome, ratio, low, high, detail };
}

/** The speed-up now against the certificate's: each has its own interval, and the quotient lies between the quotients of their ends. */
export function readAgainstCertificate(figure: SpeedFigure, certified: SpeedFigure): SpeedReading {
  const [ratio, low, high] = [figure.ratio / certified.ratio, figure.low / certified.high, figure.high / certified.low];
  const least = 1 / (1 + speedTolerance.certified);
  const outcome = high < least ? "fell" : low > least ? "held" : "unclear";
  const now = interval(figure.ratio, figure.low, figure.high);
  const then = interval(certified.ratio, certified.low, certified.high);
  return { outcome, ratio, low, high, detail: `${now} the baseline's speed now, ${then} when it was certified on this machine class` };
}

/** Still faster than the baseline that runs beside it, or at the physical limit, where nothing more can be asked. */
export function readAgainstBaseline(figure: SpeedFigure, gate: number): SpeedReading {
  const { ratio, low, high } = figure;
  const bar = Math.max(gate, 1 + thresholds.speedResolution);
  const outcome = low > bar || atLimit(figure) ? "held" : high < bar ? "fell" : "unclear";
  const limit = atLimit(figure) ? `, at ${(figure.limitFraction * 100).toFixed(0)} % of the ${figure.limitedBy} limit` : "";
  return { outcome, ratio, low, high, detail: `${interval(ratio, low, high)} the baseline's speed${limit}; certified as faster than it` };
}

/** The rules that a measurement against the baseline is read by. */
export function ratioRules(certificate: Certificate, certified: SpeedFigure | undefined, isComparable: boolean): SpeedRule[] {
  if (certified === undefined) return [];
  const rules: SpeedRule[] = [];
  if (certificate.outcome === "surpassed" && certified.outcome === "faster") rules.push("still-surpasses");
  if (isComparable) rules.push("as-certified");
  return rules;
}

export const figuresOfCertificate = (certificate: Certificate): SpeedFigure[] => certificate.figures as SpeedFigure[];

export const isSamePlace = (a: Pick<SpeedFigure, "entry" | "sizes">, b: Pick<SpeedFigure, "entry" | "sizes">): boolean =>
  a.entry === b.entry && isDeepStrictEqual(a.sizes, b.sizes);

/** In what this machine differs from the one that the certificate's ratio was measured on; empty where the two can be compared. */
export function classDifferences(
  certificate: Certificate,
  here: { machine: MachineClass; toolchains: Toolchain[]; threads: number },
): string[] {
  const then = certificate.machine as Partial<MachineClass>;
  const { machine, toolchains, threads } = here;
  const differences: string[] = [];
  if (then.cpuModel !== machine.cpuModel) differences.push(`the processor (${then.cpuModel} then, ${machine.cpuModel} now)`);
  for (const key of ["isa", "cores", "cacheBytes"] as const)
    if (!isDeepStrictEqual(then[key], machine[key]))
      differences.push(`${key} (${JSON.stringify(then[key])} then, ${JSON.stringify(machine[key])} now)`);
  if (certificate.threads !== threads) differences.push(`threads (${certificate.threads} then, ${threads} now)`);
  const versions = new Map(toolchains.map(({ name, version }) => [name, version]));
  for (const { name, version } of certificate.toolchains)
    if (versions.get(name) !== version) differences.push(`${name} (${version} then, ${versions.get(name) ?? "none"} now)`);
  return differences;
}
