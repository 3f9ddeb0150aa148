import type { Artifact } from "../specs/contracts/target.js";
import type { CheckName, CheckResult, Outcome, Verdict } from "../specs/contracts/verdict.js";
import { checkAlignment } from "./align/align.js";
import { checkDeterminism } from "./determinism.js";
import type { CheckAnswer, JudgeContext } from "./judge-context.js";
import type { Law } from "./laws.js";
import { checkMemory } from "./memory.js";
import { checkRules } from "./rules.js";
import { checkSpeed, surpasses } from "./speed/check-speed.js";
import { thresholds } from "./thresholds.js";

export interface JudgeWatcher {
  started(check: CheckName): void;
  finished(result: CheckResult): void;
}

/** What a test build says: no Verdict, so nothing that takes one (events, records, certificates) can take it. */
export interface TestBuildVerdict {
  suspended: Law;
  wouldBe: Outcome;
  checks: CheckResult[];
}

/** Judges one candidate by every law. */
export async function judge(context: JudgeContext, watcher: JudgeWatcher): Promise<Verdict> {
  if (context.suspended) throw new Error(`the law "${context.suspended}" is suspended: a verdict takes them all`);
  const checks = await climb(context, watcher);
  const { confirmation, ...seeds } = context.seeds;
  const confirmed = checks.some((result) => result.check === "confirmation" && result.status !== "skipped");
  return {
    outcome: outcomeOf(checks),
    checks,
    seeds: confirmed ? { ...seeds, confirmation } : seeds,
    thresholds: { ...thresholds },
    breakdown: context.stopwatch.breakdown(),
    quick: context.quick,
  };
}

/** Judges one candidate by every law but one: what passes only then was caught by that law alone. For tests. */
export async function judgeTestBuild(context: JudgeContext, suspended: Law, watcher: JudgeWatcher): Promise<TestBuildVerdict> {
  const checks = await climb({ ...context, suspended }, watcher);
  return { suspended, wouldBe: outcomeOf(checks), checks };
}

/**
 * The checks in order, stopping at the first that does not pass; nothing is timed until it is right. Broken infrastructure makes a check
 * `errored`; only an aborted signal throws.
 */
async function climb(context: JudgeContext, watcher: JudgeWatcher): Promise<CheckResult[]> {
  const checks: CheckResult[] = [];
  let buildLog = "";
  let warnings: string[] = [];
  const build = async (): Promise<Artifact | null> => {
    const result = await context.stopwatch.during("building", () =>
      context.target.build({
        candidate: context.candidate,
        support: context.support,
        entries: context.entries,
        mode: "plain",
        threads: context.threads,
      }),
    );
    if (result.status === "failed") buildLog = result.log;
    else {
      warnings = result.warnings;
      context.artifact = result.artifact;
    }
    return context.artifact;
  };
  const answerBuild = async (): Promise<CheckAnswer> =>
    context.artifact === null
      ? { status: "failed", summary: "does not build", evidence: [{ law: "build", kind: "build", log: buildLog }] }
      : {
          status: "passed",
          summary: warnings.length === 0 ? "builds without warnings" : `builds with ${warnings.length} warnings`,
          warnings,
        };
  const speedSkipped = (): CheckAnswer => ({
    status: "skipped",
    summary: "not part of a quick check",
    reason: "--quick judges public cases only and does not time",
  });
  const ladder: [CheckName, () => Promise<CheckAnswer>][] = [
    ["rules", () => checkRules(context, build)],
    ["build", answerBuild],
    ["memory", () => checkMemory(context)],
    ["align", () => checkAlignment(context)],
    ["determinism", () => checkDeterminism(context)],
    ["speed", async () => (context.quick ? speedSkipped() : checkSpeed(context, context.seeds.timed))],
    ["confirmation", async () => (context.quick ? speedSkipped() : confirm(context, checks))],
  ];
  for (const [check, run] of ladder) {
    context.signal.throwIfAborted();
    watcher.started(check);
    const result = await timed(check, run, context.signal);
    checks.push(result);
    watcher.finished(result);
    if (result.status === "failed" || result.status === "errored") break;
  }
  return checks;
}

async function timed(check: CheckName, run: () => Promise<CheckAnswer>, signal: AbortSignal): Promise<CheckResult> {
  const startedAt = performance.now();
  const answer = await run().catch((error: unknown): CheckAnswer => {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return {
      status: "errored",
      summary: reason.split("\n")[0]!,
      reason: error instanceof Error && process.env.FORGE_DEBUG ? (error.stack ?? reason) : reason,
    };
  });
  return { ...answer, check, durationMs: performance.now() - startedAt } as CheckResult;
}

/** One fresh measurement of what seemed faster, whatever it says: the best of many attempts is biased upward. */
async function confirm(context: JudgeContext, checks: CheckResult[]): Promise<CheckAnswer> {
  const speed = checks.find((result) => result.check === "speed");
  if (speed?.status !== "passed" || !surpasses(speed.figures ?? []))
    return { status: "skipped", summary: "nothing to confirm", reason: "not every entry was faster than the baseline" };
  return checkSpeed(context, context.seeds.confirmation);
}

function outcomeOf(checks: CheckResult[]): Outcome {
  if (checks.some((result) => result.status === "failed")) return "failed";
  if (checks.some((result) => result.status === "errored")) return "errored";
  const confirmation = checks.find((result) => result.check === "confirmation");
  return confirmation?.status === "passed" && surpasses(confirmation.figures ?? []) ? "surpassed" : "passed";
}
