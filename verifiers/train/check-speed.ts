import type { Variant } from "../../specs/contracts/spec.js";
import type { Artifact, Session, Target } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import type { TrainerSpeedFigure } from "../../specs/contracts/trainer-verdict.js";
import { modelFlops } from "../../specs/trainer/model-flops.js";
import { settingOf, trainerEntries } from "../../specs/trainer/trainer-abi.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { ForeignLoad } from "../speed/foreign-load.js";
import { decideSpeed, estimateRatio } from "../speed/sequential-test.js";
import { thresholds } from "../thresholds.js";
import { drawFreshState } from "./draw-state.js";
import { drawTextBatch } from "./draw-text-batch.js";
import { writeState } from "./observe.js";
import { referenceTrainer } from "./trainer-bench.js";
import type { TrainerCheckAnswer, TrainerContext } from "./trainer-context.js";
import { type Batch, type StepReport, TrainerFault, TrainerProcess } from "./trainer-process.js";
import { trainerThresholds } from "./trainer-thresholds.js";

/** Two steps of a side make a block; of slow trainers two blocks are long enough. */
const stepsPerBlock = 2;
/** Units spoilt by others' work before it is given up. */
const mostBusyUnits = 24;
const order = {
  straight: ["candidate", "baseline", "baseline", "candidate"],
  turned: ["baseline", "candidate", "candidate", "baseline"],
} as const;
type Side = (typeof order.straight)[number];

/** The rival: the reference in the variant's types at -O3 for this machine, on the same threads. */
export async function buildTrainerBaseline(
  target: Target,
  loaded: LoadedTrainerSpec,
  variant: Variant,
  support: Record<string, string>,
  threads: number,
): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const compiler of target.tuningSpace(variant).compilers) {
    const candidate = referenceTrainer(loaded, variant, compiler, ["-O3", "-march=native", "-ffp-contract=fast", "-fopenmp"]);
    const build = await target.build({ candidate, support, entries: trainerEntries(variant), mode: "plain", threads });
    if (build.status === "failed") throw new Error(`the baseline does not build: ${build.log}`);
    artifacts.push(build.artifact);
  }
  return artifacts;
}

/**
 * Steps per second beside the baseline, by the sequential sign test of kernels. Every unit has a pair of processes of its own, both of which
 * train from the same weights on the same text; the one that waits is frozen. What is timed is what is checked: losses and gradient norms of
 * every timed step are held against the rival's.
 */
export async function checkTrainerSpeed(context: TrainerContext): Promise<TrainerCheckAnswer> {
  if (context.quick) return { status: "skipped", summary: "--quick does not time", evidence: [] };
  const { target, loaded, variant, support, threads, stopwatch } = context;
  const text = await context.text(loaded.spec.model.vocabulary);
  const baseline = await stopwatch.during("building", async () => {
    const artifacts = await buildTrainerBaseline(target, loaded, variant, support, threads);
    return betterOf(context, artifacts, text);
  });
  const ratios: number[] = [];
  const seconds: Record<Side, number[]> = { candidate: [], baseline: [] };
  const startedAt = performance.now();
  let busy = 0;
  try {
    for (;;) {
      context.signal.throwIfAborted();
      const unit = await stopwatch.during("timing", () => runUnit(context, baseline, text, ratios.length + busy));
      if (unit.foreignShare > thresholds.foreignCpuShare) {
        const isTooLong = performance.now() - startedAt > trainerThresholds.speedLimitMs;
        if (++busy > mostBusyUnits || isTooLong)
          return { status: "errored", summary: "machine busy: others use more than 5 % of a core", evidence: [] };
        continue;
      }
      const mismatch = firstMismatch(unit.reports);
      if (mismatch)
        return { status: "failed", summary: mismatch, evidence: [{ law: "timed outputs", kind: "training", detail: mismatch }] };
      ratios.push(Math.log(meanOf(unit.seconds.baseline) / meanOf(unit.seconds.candidate)));
      for (const side of ["candidate", "baseline"] as const) seconds[side].push(...unit.seconds[side]);
      const outOfTime = performance.now() - startedAt > trainerThresholds.speedLimitMs;
      const decision = decideSpeed(ratios, 1, outOfTime);
      if (decision.state === "continue") continue;
      return answer(context, await figureOf(context, ratios, seconds, decision.state === "undecided" ? "undecided" : decision.outcome));
    }
  } catch (error) {
    if (!(error instanceof TrainerFault)) throw error;
    return { status: "failed", summary: error.message, evidence: [{ law: error.law, kind: "fault", detail: error.message }] };
  }
}

function answer({ variant }: TrainerContext, figure: TrainerSpeedFigure): TrainerCheckAnswer {
  const interval = `${figure.ratio.toFixed(2)}x [${figure.low.toFixed(2)}, ${figure.high.toFixed(2)}] the baseline`;
  const share = `${(100 * figure.modelFlopsUtilisation).toFixed(1)} % of the ${variant.store} peak`;
  const summary = `${figure.tokensPerSecond.toFixed(0)} tokens/s, ${share}, ${interval}, ${figure.outcome}`;
  if (figure.modelFlopsUtilisation > thresholds.physicsMargin)
    return {
      status: "failed",
      summary: `${summary}: faster than physics`,
      evidence: [{ law: "physics", kind: "training", detail: summary }],
      figure,
    };
  return { status: figure.outcome === "undecided" ? "undecided" : "passed", summary, evidence: [], figure };
}

async function figureOf(
  context: TrainerContext,
  ratios: number[],
  seconds: Record<Side, number[]>,
  outcome: TrainerSpeedFigure["outcome"],
): Promise<TrainerSpeedFigure> {
  const { loaded, target, threads, variant } = context;
  const { model, training } = loaded.spec;
  const estimate = estimateRatio(ratios);
  const tokens = training.micro_batches * training.batch * training.length;
  const peaks = await context.stopwatch.during("timing", () => target.peaks(threads));
  const peak = peaks.flopsPerSecond[variant.store] ?? peaks.flopsPerSecond.f32!;
  return {
    outcome,
    ratio: Math.exp(estimate.median),
    low: Math.exp(estimate.low),
    high: Math.exp(estimate.high),
    confidence: estimate.confidence,
    units: estimate.units,
    tokensPerSecond: tokens / meanOf(seconds.candidate),
    baselineTokensPerSecond: tokens / meanOf(seconds.baseline),
    modelFlopsUtilisation: modelFlops(model, training) / meanOf(seconds.candidate) / peak,
  };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface Contestant {
  session: Session;
  trainer: TrainerProcess;
}

/** A process with a trainer in it that has the weights that all begin from and has taken one step. */
async function begin(
  context: TrainerContext,
  artifact: Artifact,
  seed: string,
  first: Batch,
): Promise<Contestant & { report: StepReport }> {
  const { target, entries, threads, loaded } = context;
  const session = await target.open({ libraries: [artifact], entries, threads, memory: "plain", wallMs: 3_600_000 });
  try {
    const trainer = new TrainerProcess(session, entries, 0);
    const setting = settingOf(loaded.spec, loaded.spec.model);
    await trainer.create(setting);
    await writeState(trainer, drawFreshState(setting, loaded.spec.optimizer.warmup_steps, seed));
    const report = await trainer.step(first);
    return { session, trainer, report };
  } catch (error) {
    await session.close();
    throw error;
  }
}

interface TimedUnit {
  seconds: Record<Side, number[]>;
  reports: Record<Side, StepReport[]>;
  foreignShare: number;
}

async function runUnit(context: TrainerContext, baseline: Artifact, text: ArrayLike<number>, index: number): Promise<TimedUnit> {
  const seed = deriveSeed(context.seeds.training, "speed", index);
  const random = new Random(seed);
  const batchAt = (step: number): Batch => drawTextBatch(text, context.loaded.spec.training, seed, step);
  const artifacts: Record<Side, Artifact> = { candidate: context.artifact!, baseline };
  const contestants: Partial<Record<Side, Contestant>> = {};
  const reports: Record<Side, StepReport[]> = { candidate: [], baseline: [] };
  const seconds: Record<Side, number[]> = { candidate: [], baseline: [] };
  const turned = random.uniform() < 0.5;
  try {
    for (const side of turned ? (["baseline", "candidate"] as const) : (["candidate", "baseline"] as const)) {
      const { report, ...contestant } = await begin(context, artifacts[side], deriveSeed(seed, "weights"), batchAt(0));
      contestants[side] = contestant;
      reports[side].push(report);
      await contestant.session.freeze();
    }
    const load = new ForeignLoad(() => Object.values(contestants).reduce((sum, { session }) => sum + session.cpuSeconds(), 0));
    const taken: Record<Side, number> = { candidate: 1, baseline: 1 };
    for (const side of random.uniform() < 0.5 ? order.straight : order.turned) {
      const { session, trainer } = contestants[side]!;
      await session.thaw();
      for (let step = 0; step < stepsPerBlock; step++) {
        const timed = await trainer.timedStep(batchAt(taken[side]++));
        seconds[side].push(timed.seconds);
        reports[side].push(timed.report);
      }
      await session.freeze();
    }
    return { seconds, reports, foreignShare: load.closeWindow() };
  } finally {
    for (const contestant of Object.values(contestants)) {
      await contestant.session.thaw();
      await contestant.session.close();
    }
  }
}

/** Both train on the same: a loss or a gradient norm that is not the rival's was not honestly come by. */
function firstMismatch({ candidate, baseline }: Record<Side, StepReport[]>): string | null {
  for (const [step, report] of candidate.entries())
    for (const [field, share] of Object.entries({
      loss: trainerThresholds.trainingStepShare,
      gradient_norm: trainerThresholds.timedNormShare,
    })) {
      const got = report[field as keyof StepReport];
      const expected = baseline[step]![field as keyof StepReport];
      if (!(Math.abs(got - expected) <= share * Math.abs(expected)))
        return `in a timed step the ${field.replace("_", " ")} is ${got.toPrecision(6)}, beside it the reference has ${expected.toPrecision(6)}`;
    }
  return null;
}

/** The faster of the compilers' baselines, by one step of each after the first. */
async function betterOf(context: TrainerContext, artifacts: Artifact[], text: ArrayLike<number>): Promise<Artifact> {
  if (artifacts.length === 1) return artifacts[0]!;
  const batch = drawTextBatch(text, context.loaded.spec.training, "baseline", 0);
  let best = { artifact: artifacts[0]!, seconds: Number.POSITIVE_INFINITY };
  for (const artifact of artifacts) {
    const { session, trainer } = await begin(context, artifact, "baseline", batch);
    try {
      const { seconds } = await trainer.timedStep(batch);
      if (seconds < best.seconds) best = { artifact, seconds };
    } finally {
      await session.close();
    }
  }
  return best.artifact;
}
