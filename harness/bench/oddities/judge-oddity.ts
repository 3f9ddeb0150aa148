import type { Sizes } from "../../../specs/contracts/spec.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import type { CheckResult, Outcome, Verdict } from "../../../specs/contracts/verdict.js";
import type { ExamRoom } from "../../exam-room.js";
import { sha256Hex } from "../../hash.js";
import { evidenceText } from "../../progress/evidence-text.js";

/** An oddity in one variant on one target: what is judged. */
export interface OddityCase {
  name: string;
  spec: string;
  variant: string;
  target: string;
  threads: number;
  sizes: Sizes;
  /** Instruction sets without which it cannot run. */
  requires: string[];
  candidate: Candidate;
}

/** One verdict on it; one line of the results file. */
export interface OddityResult {
  name: string;
  spec: string;
  variant: string;
  target: string;
  sizes: Sizes;
  outcome: Outcome;
  /** Evidence of every check that failed: an honest kernel accused. */
  accusations: string[];
  /** Why the machine or the harness failed, where one did. */
  errors: string[];
  /** How many times as fast as the baseline, by entry. */
  ratios: Record<string, number>;
  seconds: number;
  /** Where the time went. */
  breakdown: Verdict["breakdown"];
  /** Lead anybody to the very cases. */
  seeds: Verdict["seeds"];
  /** Hash of the candidate and of how it is timed: results of another are not counted. */
  judged: string;
}

export const hashOf = ({ candidate, sizes, threads }: OddityCase): string =>
  sha256Hex(JSON.stringify([Object.entries(candidate.files).sort(), candidate.manifest, sizes, threads])).slice(0, 16);

/** A full verdict, as `forge check` gives it. */
export async function judgeOddity(room: ExamRoom, oddity: OddityCase): Promise<OddityResult> {
  const startedAt = performance.now();
  const verdict = await room.judge(oddity.candidate, false, { started: () => {}, finished: () => {} });
  const { name, spec, variant, target, sizes } = oddity;
  return {
    name,
    spec,
    variant,
    target,
    sizes,
    outcome: verdict.outcome,
    accusations: verdict.checks.flatMap(accusationsOf),
    errors: verdict.checks.flatMap((result) => (result.status === "errored" ? [`${result.check}: ${result.reason}`] : [])),
    ratios: ratiosOf(verdict),
    seconds: (performance.now() - startedAt) / 1000,
    breakdown: verdict.breakdown,
    seeds: verdict.seeds,
    judged: hashOf(oddity),
  };
}

function accusationsOf(result: CheckResult): string[] {
  return result.status === "failed" ? result.evidence.map((evidence) => `${result.check}: ${evidenceText(evidence)}`) : [];
}

function ratiosOf(verdict: Verdict): Record<string, number> {
  const speed = verdict.checks.find((result) => result.check === "speed");
  const figures = speed && "figures" in speed ? (speed.figures ?? []) : [];
  return Object.fromEntries(figures.map((figure) => [figure.entry, figure.ratio]));
}
