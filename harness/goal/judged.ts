import type { JudgedAttempt } from "../../specs/contracts/agent.js";
import type { SpeedFigure, Verdict } from "../../specs/contracts/verdict.js";

/** The figures of the last measurement: the confirmation's where there is one. */
export function figuresOf(verdict: Verdict): SpeedFigure[] {
  const check = verdict.checks.findLast((result) => "figures" in result && (result.figures?.length ?? 0) > 0);
  return check && "figures" in check ? (check.figures ?? []) : [];
}

/** Geometric mean over entries and sizes of the last measurement: the confirmation where there is one. */
export function ratioOf(verdict: Verdict): number | null {
  const figures = figuresOf(verdict);
  if (figures.length === 0) return null;
  return Math.exp(figures.reduce((sum, figure) => sum + Math.log(figure.ratio), 0) / figures.length);
}

export const isAccepted = ({ verdict }: { verdict: Verdict }): boolean => verdict.outcome === "passed" || verdict.outcome === "surpassed";

/** Surpassed before passed, then the higher ratio, then the earlier; null where nothing passed. */
export function bestOf<Attempt extends { attempt: number; verdict: Verdict }>(judged: readonly Attempt[]): Attempt | null {
  const rank = ({ verdict }: Attempt) => (verdict.outcome === "surpassed" ? 1000 : 0) + Math.log(ratioOf(verdict) ?? 1e-9);
  return judged.filter(isAccepted).sort((a, b) => rank(b) - rank(a) || a.attempt - b.attempt)[0] ?? null;
}

/** `attempt 3 (1.52x)`, for a sentence. */
export function attemptText({ attempt, verdict }: Pick<JudgedAttempt, "attempt" | "verdict">): string {
  const ratio = ratioOf(verdict);
  return `attempt ${attempt} (${ratio === null ? verdict.outcome : `${ratio.toFixed(2)}x the baseline`})`;
}
