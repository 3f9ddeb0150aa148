import type { ExamSummary } from "../../specs/contracts/event.js";
import type { Fate, MutantResult } from "./mutant.js";

/** What `forge lint` found out about one spec and variant. */
export interface ExamReport {
  format: "forge-exam-report/1";
  spec: string;
  variant: string;
  /** Of all that the answer depends on. */
  hash: string;
  /** Of the hidden cases and of those for equivalence. */
  seed: string;
  /** Of the spec's own list; null where it has none. */
  semantic: MutantResult[] | null;
  generated: MutantResult[];
}

export interface Tally {
  planted: number;
  dead: number;
  survived: number;
  equivalent: number;
  notCounted: number;
}

/** Of what could be killed, so much must be. */
export const neededShare = 0.95;

const countOf = (results: readonly MutantResult[], state: Fate["state"]) => results.filter(({ fate }) => fate.state === state).length;

export function tallyOf(results: readonly MutantResult[]): Tally {
  return {
    planted: results.length,
    dead: countOf(results, "dead"),
    survived: countOf(results, "survived"),
    equivalent: countOf(results, "equivalent"),
    notCounted: countOf(results, "not-counted"),
  };
}

/** Dead of those that could die: neither equivalent nor uncounted. */
export const deadShare = ({ dead, survived }: Tally): number => (dead + survived === 0 ? 0 : dead / (dead + survived));

/** Why an exam is too weak to be trusted; none where it is strong enough. */
export function weaknessesOf(report: ExamReport): string[] {
  const weaknesses: string[] = [];
  const alive = report.semantic?.filter(({ fate }) => fate.state !== "dead") ?? [];
  if (alive.length > 0)
    weaknesses.push(
      `of the list of mistakes these were not noticed: ${alive.map(({ mutant }) => `${mutant.label} (${mutant.entry})`).join("; ")}`,
    );
  const tally = tallyOf(report.generated);
  if (deadShare(tally) < neededShare)
    weaknesses.push(
      `${tally.dead} of ${tally.dead + tally.survived} generated mistakes were noticed, ${(100 * deadShare(tally)).toFixed(1)} %; ${100 * neededShare} % are asked for`,
    );
  return weaknesses;
}

/** What goes into run and certificate. */
export function summaryOf(report: ExamReport): ExamSummary {
  const { dead, survived } = tallyOf([...(report.semantic ?? []), ...report.generated]);
  return { strong: weaknessesOf(report).length === 0, noticed: dead, of: dead + survived, hash: report.hash };
}
