import type { Artifact } from "../../specs/contracts/target.js";
import {
  type CheckName,
  type CheckResult,
  type Outcome,
  type TrainerCheckName,
  trainerChecks,
  type Verdict,
} from "../../specs/contracts/verdict.js";
import type { JudgeWatcher } from "../judge.js";
import type { CheckAnswer } from "../judge-context.js";
import { checkRules } from "../rules.js";
import { surpasses } from "../speed/check-speed.js";
import { TrainerSitting } from "./check-alignment.js";
import { checkCheckpoint } from "./check-checkpoint.js";
import { checkTrainerMemory } from "./check-memory.js";
import { checkTrainerSpeed } from "./check-speed.js";
import { checkTraining } from "./check-training.js";
import { asKernelContext, type TrainerCheckAnswer, type TrainerContext } from "./trainer-context.js";
import { trainerThresholds } from "./trainer-thresholds.js";

/** Judges one trainer by every law, in order, stopping at the first check that does not pass; nothing is timed until it is right. */
export async function judgeTrainer(context: TrainerContext, watcher: JudgeWatcher): Promise<Verdict> {
  const checks = await climb(context, watcher);
  const { confirmation, ...seeds } = context.seeds;
  const confirmed = checks.some((result) => result.check === "confirmation" && result.status !== "skipped");
  return {
    outcome: outcomeOf(checks),
    checks,
    seeds: confirmed ? { ...seeds, confirmation } : seeds,
    thresholds: { ...trainerThresholds },
    breakdown: context.stopwatch.breakdown(),
    quick: context.quick,
  };
}

async function climb(context: TrainerContext, watcher: JudgeWatcher): Promise<CheckResult[]> {
  let log = "";
  let warnings: string[] = [];
  let sitting: Promise<TrainerSitting> | null = null;
  const sit = () => {
    sitting ??= TrainerSitting.sit(context);
    return sitting;
  };
  const build = async (): Promise<Artifact | null> => {
    const { candidate, support, entries, threads } = context;
    const result = await context.stopwatch.during("building", () =>
      context.target.build({ candidate, support, entries, mode: "plain", threads }),
    );
    if (result.status === "failed") log = result.log;
    else {
      warnings = result.warnings;
      context.artifact = result.artifact;
    }
    return context.artifact;
  };
  const rules = async (): Promise<TrainerCheckAnswer> => {
    const answer = await checkRules(asKernelContext(context), build);
    return { status: answer.status, summary: answer.summary, evidence: answer.status === "failed" ? answer.evidence : [] };
  };
  const built = async (): Promise<TrainerCheckAnswer> =>
    context.artifact === null
      ? { status: "failed", summary: "does not build", evidence: [{ law: "build", kind: "build", log }] }
      : {
          status: "passed",
          summary: warnings.length === 0 ? "builds without warnings" : `builds with ${warnings.length} warnings`,
          evidence: [],
          warnings,
        };
  const checks: CheckResult[] = [];
  const timed = (work: () => Promise<TrainerCheckAnswer>) => async (): Promise<TrainerCheckAnswer> =>
    context.quick || context.untimed
      ? skipped(context.quick ? "--quick judges public cases only and does not time" : "speed is judged apart")
      : work();
  const ladder: Record<TrainerCheckName, () => Promise<TrainerCheckAnswer>> = {
    rules,
    build: built,
    memory: () => checkTrainerMemory(context),
    forward: async () => (await sit()).judge(context, "forward"),
    backward: async () => (await sit()).judge(context, "backward"),
    steps: async () => (await sit()).judge(context, "steps"),
    checkpoint: () => checkCheckpoint(context),
    training: () => checkTraining(context),
    speed: timed(() => checkTrainerSpeed(context, context.seeds.timed)),
    // The best of many attempts is biased upward: what seemed faster is measured once more, whatever that says.
    confirmation: timed(async () =>
      hasSurpassed(checks, "speed")
        ? checkTrainerSpeed(context, context.seeds.confirmation)
        : skipped("a step was not faster than the baseline's"),
    ),
  };
  for (const check of trainerChecks) {
    context.signal.throwIfAborted();
    watcher.started(check);
    const result = await answered(check, ladder[check], context.signal);
    checks.push(result);
    watcher.finished(result);
    if (result.status === "failed" || result.status === "errored") break;
  }
  return checks;
}

const skipped = (summary: string): TrainerCheckAnswer => ({ status: "skipped", summary, evidence: [] });

async function answered(check: CheckName, run: () => Promise<TrainerCheckAnswer>, signal: AbortSignal): Promise<CheckResult> {
  const startedAt = performance.now();
  const answer = await run().catch((error: unknown): TrainerCheckAnswer => {
    signal.throwIfAborted();
    return { status: "errored", summary: error instanceof Error ? error.message : String(error), evidence: [] };
  });
  return { ...asCheckAnswer(answer), check, durationMs: performance.now() - startedAt } as CheckResult;
}

/** The same as kernels' checks answer. */
export function asCheckAnswer(answer: TrainerCheckAnswer): CheckAnswer {
  const { status, summary, evidence, figures, curve, warnings } = answer;
  const shown = { ...(figures ? { figures } : {}), ...(curve ? { curve } : {}) };
  switch (status) {
    case "passed":
      return { summary, status, ...shown, ...(warnings ? { warnings } : {}) };
    case "failed":
      return { summary, status, evidence, ...shown };
    case "undecided":
      return { summary, status, reason: summary, figures: figures ?? [] };
    default:
      return { summary: summary.split("\n")[0]!, status, reason: summary };
  }
}

const hasSurpassed = (checks: CheckResult[], check: CheckName): boolean => {
  const result = checks.find((candidate) => candidate.check === check);
  return result?.status === "passed" && surpasses(result.figures ?? []);
};

function outcomeOf(checks: CheckResult[]): Outcome {
  if (checks.some(({ status }) => status === "failed")) return "failed";
  if (checks.some(({ status }) => status === "errored")) return "errored";
  return hasSurpassed(checks, "confirmation") ? "surpassed" : "passed";
}
