import type { JudgedAttempt } from "../../specs/contracts/agent.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { isAccepted, speedUpOf } from "../../specs/verdict-speed.js";

/** How much faster than the baseline an attempt is; null where nothing was timed. */
export const ratioOf = (verdict: Verdict): number | null => speedUpOf(verdict)?.ratio ?? null;

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
