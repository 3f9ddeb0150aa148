import type { Variant } from "../../specs/contracts/spec.js";
import type { Artifact } from "../../specs/contracts/target.js";
import type { SpeedFigure } from "../../specs/contracts/verdict.js";
import { leastStepBytes, modelFlops } from "../../specs/trainer/step-work.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { disturbance, ForeignLoad, isDisturbed, type LoadWindow, meanLoad } from "../speed/foreign-load.js";
import { decideSpeed, estimateRatio, type SpeedDecision } from "../speed/sequential-test.js";
import { thresholds } from "../thresholds.js";
import { drawTextBatch } from "./draw-text-batch.js";
import { shareOfPeak } from "./share-of-peak.js";
import { beginTraining, type Contestant, type TrainerBaseline } from "./trainer-baseline.js";
import type { TrainerCheckAnswer, TrainerContext } from "./trainer-context.js";
import { type Batch, type StepReport, TrainerFault } from "./trainer-process.js";
import { trainerThresholds } from "./trainer-thresholds.js";

/** Steps of a side that make a block: a block of a slow rival's steps is long with one. */
const stepsPerBlock = (baselineSeconds: number): number => (baselineSeconds > 0.5 ? 1 : 2);
/** Units spoilt by others' work before it is given up. */
const mostBusyUnits = 24;
const order = {
  straight: ["candidate", "baseline", "baseline", "candidate"],
  turned: ["baseline", "candidate", "candidate", "baseline"],
} as const;
type Side = (typeof order.straight)[number];

/** What units have shown so far. */
interface Measured {
  ratios: number[];
  seconds: Record<Side, number[]>;
  peakBytes: Record<Side, number>;
  windows: LoadWindow[];
}

/** What is asked in place of "faster than the baseline?". */
export interface TrainerSpeedQuestion {
  /** Code that takes the baseline's seat: known to be right. */
  rival?: Pick<TrainerBaseline, "artifact" | "secondsPerStep">;
  /** The ratio that "faster" must exceed. */
  target?: number;
}

/**
 * Steps per second beside the baseline, by the sequential sign test of kernels. Every unit has a pair of processes of its own, both of which
 * train from the same weights on the same text; the one that waits is frozen. What is timed is what is checked: losses and gradient norms of
 * every timed step are held against the rival's.
 */
export async function checkTrainerSpeed(
  context: TrainerContext,
  seed: string,
  question: TrainerSpeedQuestion = {},
): Promise<TrainerCheckAnswer> {
  const { loaded, stopwatch } = context;
  const text = await context.text(loaded.spec.model.vocabulary);
  const baseline = question.rival ?? (await context.baseline());
  const measured: Measured = {
    ratios: [],
    seconds: { candidate: [], baseline: [] },
    peakBytes: { candidate: 0, baseline: 0 },
    windows: [],
  };
  const artifacts: Record<Side, Artifact> = { candidate: context.artifact!, baseline: baseline.artifact };
  const steps = stepsPerBlock(baseline.secondsPerStep);
  const startedAt = performance.now();
  let busy = 0;
  try {
    for (;;) {
      context.signal.throwIfAborted();
      const unitSeed = deriveSeed(seed, "unit", measured.ratios.length + busy);
      const unit = await stopwatch.during("timing", () => runUnit(context, artifacts, text, unitSeed, steps));
      const outOfTime = performance.now() - startedAt > trainerThresholds.speedLimitMs;
      // A step keeps every core busy: each is shared.
      if (isDisturbed(unit.load, context.threads)) {
        if (++busy <= mostBusyUnits && !outOfTime) continue;
        const found = `${disturbance(context.threads)} in ${busy} of ${busy + measured.ratios.length} units`;
        return { status: "errored", summary: `machine busy: ${found}; run it again when it is quiet`, evidence: [] };
      }
      const mismatch = firstMismatch(unit.reports, context.variant);
      if (mismatch)
        return { status: "failed", summary: mismatch, evidence: [{ law: "timed outputs", kind: "training", detail: mismatch }] };
      add(measured, unit);
      const decision = decideSpeed(measured.ratios, question.target ?? 1, outOfTime);
      if (decision.state === "continue") continue;
      return answer(context, await figureOf(context, measured, decision), measured.peakBytes);
    }
  } catch (error) {
    if (!(error instanceof TrainerFault)) throw error;
    return { status: "failed", summary: error.message, evidence: [{ law: error.law, kind: "fault", detail: error.message }] };
  }
}

function add({ ratios, seconds, peakBytes, windows }: Measured, unit: TimedUnit): void {
  windows.push(unit.load);
  ratios.push(Math.log(meanOf(unit.seconds.baseline) / meanOf(unit.seconds.candidate)));
  for (const side of ["candidate", "baseline"] as const) {
    seconds[side].push(...unit.seconds[side]);
    peakBytes[side] = Math.max(peakBytes[side], unit.peakBytes[side]);
  }
}

function answer({ variant, loaded }: TrainerContext, figure: SpeedFigure, peakBytes: Record<Side, number>): TrainerCheckAnswer {
  const { micro_batches, batch, length } = loaded.spec.exam.timed;
  const interval = `${figure.ratio.toFixed(2)}x [${figure.low.toFixed(2)}, ${figure.high.toFixed(2)}] the baseline`;
  const rate = `${((micro_batches * batch * length) / figure.candidateSeconds).toFixed(0)} tokens/s in steps of ${micro_batches * batch} x ${length}`;
  const share = `${(100 * figure.limitFraction).toFixed(1)} % of the ${variant.store} peak`;
  const memory = `peak memory ${mebibytes(peakBytes.candidate)} (baseline ${mebibytes(peakBytes.baseline)})`;
  const summary = `${rate}, ${share}, ${interval}, ${figure.outcome}; ${memory}`;
  const figures = [figure];
  if (figure.limitFraction > thresholds.physicsMargin)
    return {
      status: "failed",
      summary: `${summary}: faster than physics`,
      evidence: [{ law: "physics", kind: "training", detail: summary }],
      figures,
    };
  return { status: figure.outcome === "undecided" ? "undecided" : "passed", summary, evidence: [], figures };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** MFU is the share of the peak that the model's FLOPs make; nothing else of a step counts as work. */
async function figureOf(
  context: TrainerContext,
  { ratios, seconds, windows }: Measured,
  decision: Exclude<SpeedDecision, { state: "continue" }>,
): Promise<SpeedFigure> {
  const { loaded, target, threads, variant } = context;
  const { model, exam } = loaded.spec;
  const estimate = estimateRatio(ratios);
  const candidateSeconds = meanOf(seconds.candidate);
  const flopsPerSecond = modelFlops(model, exam.timed) / candidateSeconds;
  return {
    entry: "trainer_step",
    sizes: { ...exam.timed },
    outcome: decision.state === "undecided" ? "undecided" : decision.outcome,
    ratio: Math.exp(estimate.median),
    low: Math.exp(estimate.low),
    high: Math.exp(estimate.high),
    confidence: estimate.confidence,
    units: estimate.units,
    calls: seconds.candidate.length + seconds.baseline.length,
    candidateSeconds,
    baselineSeconds: meanOf(seconds.baseline),
    limitFraction: await context.stopwatch.during("timing", () => shareOfPeak(target, variant, threads, flopsPerSecond)),
    limitedBy: "compute",
    flopsPerSecond,
    bytesPerSecond: leastStepBytes(model) / candidateSeconds,
    load: meanLoad(windows),
  };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface TimedUnit {
  seconds: Record<Side, number[]>;
  reports: Record<Side, StepReport[]>;
  peakBytes: Record<Side, number>;
  load: LoadWindow;
}

async function runUnit(
  context: TrainerContext,
  artifacts: Record<Side, Artifact>,
  text: ArrayLike<number>,
  seed: string,
  steps: number,
): Promise<TimedUnit> {
  const random = new Random(seed);
  const batchAt = (step: number): Batch => drawTextBatch(text, context.loaded.spec.exam.timed, seed, step);
  const contestants: Partial<Record<Side, Contestant>> = {};
  const reports: Record<Side, StepReport[]> = { candidate: [], baseline: [] };
  const seconds: Record<Side, number[]> = { candidate: [], baseline: [] };
  const turned = random.uniform() < 0.5;
  try {
    for (const side of turned ? (["baseline", "candidate"] as const) : (["candidate", "baseline"] as const)) {
      const contestant = await beginTraining(context, artifacts[side], deriveSeed(seed, "weights"), batchAt(0));
      contestants[side] = contestant;
      reports[side].push(contestant.report);
      await contestant.session.freeze();
    }
    const load = new ForeignLoad(() => Object.values(contestants).reduce((sum, { session }) => sum + session.cpuSeconds(), 0));
    const taken: Record<Side, number> = { candidate: 1, baseline: 1 };
    for (const side of random.uniform() < 0.5 ? order.straight : order.turned) {
      const { session, trainer } = contestants[side]!;
      await session.thaw();
      for (let step = 0; step < steps; step++) {
        const timed = await trainer.timedStep(batchAt(taken[side]++));
        seconds[side].push(timed.seconds);
        reports[side].push(timed.report);
      }
      await session.freeze();
    }
    const window = load.closeWindow();
    const peakBytes = { candidate: contestants.candidate!.session.peakBytes(), baseline: contestants.baseline!.session.peakBytes() };
    return { seconds, reports, peakBytes, load: window };
  } finally {
    for (const contestant of Object.values(contestants)) {
      await contestant.session.thaw();
      await contestant.session.close();
    }
  }
}

/** Both train on the same: a loss or a gradient norm that is not the rival's was not honestly come by. */
function firstMismatch({ candidate, baseline }: Record<Side, StepReport[]>, { store, accumulate }: Variant): string | null {
  for (const [step, report] of candidate.entries())
    for (const [field, share] of Object.entries({
      loss: trainerThresholds.trainingStepShare,
      gradient_norm: store === accumulate ? trainerThresholds.timedNormShare : trainerThresholds.timedNormShareMixed,
    })) {
      const got = report[field as keyof StepReport];
      const expected = baseline[step]![field as keyof StepReport];
      if (!(Math.abs(got - expected) <= share * Math.abs(expected)))
        return `in a timed step the ${field.replace("_", " ")} is ${got.toPrecision(6)}, beside it the reference has ${expected.toPrecision(6)}`;
    }
  return null;
}
