import type { Artifact } from "../../specs/contracts/target.js";
import {
  type TrainerCheckName,
  type TrainerCheckResult,
  type TrainerVerdict,
  trainerCheckNames,
} from "../../specs/contracts/trainer-verdict.js";
import { checkRules } from "../rules.js";
import { TrainerSitting } from "./check-alignment.js";
import { checkCheckpoint } from "./check-checkpoint.js";
import { checkTrainerMemory } from "./check-memory.js";
import { checkTrainerSpeed } from "./check-speed.js";
import { checkTraining } from "./check-training.js";
import { asKernelContext, type TrainerCheckAnswer, type TrainerContext } from "./trainer-context.js";
import { trainerThresholds } from "./trainer-thresholds.js";

export interface TrainerWatcher {
  started(check: TrainerCheckName): void;
  finished(result: TrainerCheckResult): void;
}

/** Judges one trainer by every law, in order, stopping at the first check that does not pass; nothing is timed until it is right. */
export async function judgeTrainer(context: TrainerContext, watcher: TrainerWatcher): Promise<TrainerVerdict> {
  const checks = await climb(context, watcher);
  return {
    outcome: outcomeOf(checks),
    checks,
    seeds: context.seeds,
    thresholds: { ...trainerThresholds },
    breakdown: context.stopwatch.breakdown(),
    quick: context.quick,
  };
}

async function climb(context: TrainerContext, watcher: TrainerWatcher): Promise<TrainerCheckResult[]> {
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
    const evidence = answer.status === "failed" ? answer.evidence : [];
    return {
      status: answer.status,
      summary: answer.summary,
      evidence: evidence.map(({ law, ...rest }) => ({ law, kind: "rules", detail: "detail" in rest ? rest.detail : answer.summary })),
    };
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
  const ladder: Record<TrainerCheckName, () => Promise<TrainerCheckAnswer>> = {
    rules,
    build: built,
    memory: () => checkTrainerMemory(context),
    forward: async () => (await sit()).judge(context, "forward"),
    backward: async () => (await sit()).judge(context, "backward"),
    steps: async () => (await sit()).judge(context, "steps"),
    checkpoint: () => checkCheckpoint(context),
    training: () => checkTraining(context),
    speed: () => checkTrainerSpeed(context),
  };
  const checks: TrainerCheckResult[] = [];
  for (const check of trainerCheckNames) {
    context.signal.throwIfAborted();
    watcher.started(check);
    const result = await timed(check, ladder[check], context.signal);
    checks.push(result);
    watcher.finished(result);
    if (result.status === "failed" || result.status === "errored") break;
  }
  return checks;
}

async function timed(check: TrainerCheckName, run: () => Promise<TrainerCheckAnswer>, signal: AbortSignal): Promise<TrainerCheckResult> {
  const startedAt = performance.now();
  const done = (answer: TrainerCheckAnswer): TrainerCheckResult => ({ check, durationMs: performance.now() - startedAt, ...answer });
  try {
    return done(await run());
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return done({ status: "errored", summary: reason, evidence: [] });
  }
}

function outcomeOf(checks: TrainerCheckResult[]): TrainerVerdict["outcome"] {
  if (checks.some(({ status }) => status === "failed")) return "failed";
  if (checks.some(({ status }) => status === "errored")) return "errored";
  const speed = checks.find(({ check }) => check === "speed");
  return speed?.figure?.outcome === "faster" ? "surpassed" : "passed";
}
