import type { Evidence, TrainingCurve } from "../../specs/contracts/verdict.js";
import { deriveSeed } from "../numerics/random.js";
import { compareWith, withoutNumbers } from "./check-alignment.js";
import { learningRateAt, rateBound } from "./expect-update.js";
import { drawLongRun, type LongRun, type Look, trainFreely, trainWatched } from "./long-run.js";
import { updatesBetween } from "./look-at-updates.js";
import { observationsOf } from "./observe.js";
import { studentQuantile } from "./student-t.js";
import type { TrainerBench } from "./trainer-bench.js";
import type { TrainerCase } from "./trainer-cases.js";
import { type TrainerCheckAnswer, type TrainerContext, withTrainer } from "./trainer-context.js";
import { type StepReport, TrainerFault } from "./trainer-process.js";
import { trainerThresholds } from "./trainer-thresholds.js";

/**
 * A free run beside references in the candidate's types that differ in order of summation and in the last bits of their first weights. What
 * such a curve cannot tell from chance is found by a second run: around some of its steps all is read, and what the trainer made of its own
 * weights there is held against the oracle's step from the very same. That it reports the same as the first run, which nobody looked at,
 * to the last bit, shows that looking changed nothing.
 */
export async function checkTraining(context: TrainerContext): Promise<TrainerCheckAnswer> {
  if (context.quick) return { status: "skipped", summary: "--quick does not train", evidence: [] };
  const { spec } = context.loaded;
  const text = await context.text(spec.exam.long_run.shape.vocabulary);
  const longRun = drawLongRun(spec, text, context.seeds.training);
  const bench = await context.bench();
  const references: number[][] = [];
  for (let index = 0; index < spec.exam.long_run.references; index++) {
    context.signal.throwIfAborted();
    references.push(lossesOf(await context.stopwatch.during("running", () => bench.train(longRun, index))));
  }
  try {
    const { artifact, stopwatch } = context;
    const run = <T>(work: Parameters<typeof withTrainer<T>>[3]): Promise<T> =>
      stopwatch.during("running", () => withTrainer(context, artifact!, { memory: "plain" }, work));
    const reports = await run((trainer) => trainFreely(trainer, longRun));
    const curve = curveOf(lossesOf(reports), references);
    const failed = (detail: string): TrainerCheckAnswer => ({ status: "failed", summary: detail, evidence: [evidenceOf(detail)], curve });
    const outside = curveFailure(curve) ?? rateFailure(longRun, reports);
    if (outside) return failed(outside);
    const watched = await run((trainer) => trainWatched(trainer, longRun));
    if (!isSame(reports, watched.reports))
      return failed("a second run, whose weights were read between steps, does not report the same to the last bit");
    let closest = 0;
    for (const look of watched.looks) {
      context.signal.throwIfAborted();
      const { detail, share } = await stopwatch.during("running", () => judgeLook(bench, longRun, look));
      closest = Math.max(closest, share);
      if (detail) return failed(detail);
    }
    const last = lastOf(reports.length);
    const mean = `mean loss of the last ${last} ${curve.mean.toFixed(5)}, honest trainers' in [${curve.low.toFixed(5)}, ${curve.high.toFixed(5)}]`;
    const steps = `${watched.looks.length} steps beside the oracle's, at most ${Math.ceil(100 * closest)} % of a bound used`;
    return { status: "passed", summary: `${reports.length} steps on text: ${mean}; ${steps}`, evidence: [], curve };
  } catch (error) {
    if (!(error instanceof TrainerFault)) throw error;
    return { status: "failed", summary: error.message, evidence: [{ law: error.law, kind: "fault", detail: error.message }] };
  }
}

function rateFailure({ setting }: LongRun, reports: StepReport[]): string | null {
  for (const [step, { learning_rate }] of reports.entries()) {
    const expected = learningRateAt(setting, step);
    if (!(Math.abs(learning_rate - expected) <= rateBound(setting)))
      return `the learning rate of step ${step + 1} is ${learning_rate.toPrecision(7)}, not ${expected.toPrecision(7)}`;
  }
  return null;
}

/** One step of a run beside the oracle's from the same weights and moments, and beside what follows from its own gradients. */
async function judgeLook(
  bench: TrainerBench,
  { setting, batches, seed }: LongRun,
  { step, before, report, after }: Look,
): Promise<{ detail: string | null; share: number }> {
  const trainerCase: TrainerCase = {
    ...{ kind: "trajectory", visibility: "hidden", setting, completedSteps: step, forcedSteps: 0, steps: 1 },
    batch: batches[step]!.shape,
    seed: deriveSeed(seed, "look", step),
  };
  const shares = new Map<string, number>();
  const observations = observationsOf(trainerCase, report, after);
  for (const { reference } of await bench.answersTo(trainerCase, before, () => batches[step]!))
    shares.set(reference.output, compareWith(reference, observations.get(reference.output)!.values, trainerCase.seed).share);
  for (const { output, timesOver } of updatesBetween(trainerCase, step, report, before, after)) shares.set(output, timesOver);
  let share = 0;
  for (const [output, used] of shares) {
    share = Math.max(share, used);
    if (used <= 1) continue;
    const detail = `a step of a run on text is not the oracle's from the same weights: ${withoutNumbers(output)}, ${used.toPrecision(3)} times the bound`;
    return { detail, share };
  }
  return { detail: null, share };
}

const evidenceOf = (detail: string): Evidence => ({ law: "precision", kind: "training", detail });

const lossesOf = (reports: StepReport[]): number[] => reports.map(({ loss }) => loss);

const isSame = (reports: StepReport[], others: StepReport[]): boolean =>
  reports.every((report, step) =>
    Object.entries(report).every(([field, value]) => Object.is(value, others[step]![field as keyof StepReport])),
  );

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Steps at the end of a run of so many over which losses are averaged. */
const lastOf = (steps: number): number => Math.min(trainerThresholds.trainingLastSteps, Math.ceil(steps / 2));

/**
 * Where an honest trainer's value lies beside those of references, but for this probability: the prediction interval of Student's t, their
 * scatter taken as often as an honest trainer may round more than they do.
 */
function predict(values: number[], error: number): { centre: number; half: number } {
  const centre = meanOf(values);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
  const t = studentQuantile(1 - error / 2, values.length - 1);
  // A loss travels as float32: below its last place nobody can be told apart.
  const lastPlace = Math.abs(centre) * 2 ** -23;
  return { centre, half: t * trainerThresholds.trainingScatter * deviation * Math.sqrt(1 + 1 / values.length) + lastPlace };
}

export function curveOf(candidate: number[], references: number[][]): TrainingCurve {
  const last = lastOf(candidate.length);
  const means = references.map((losses) => meanOf(losses.slice(-last)));
  const { centre, half } = predict(means, trainerThresholds.trainingError);
  return { candidate, references, mean: meanOf(candidate.slice(-last)), low: centre - half, high: centre + half };
}

/**
 * What is wrong with a curve, in words; null where nothing is. A loss may be 1 % off that of its step, or as far off as one of so many steps
 * may be where references themselves are farther apart: in bf16, while a loss falls steeply, they are.
 */
export function curveFailure({ candidate, references, mean, low, high }: TrainingCurve): string | null {
  for (const [step, loss] of candidate.entries()) {
    const others = references.map((losses) => losses[step]!);
    const { centre, half } = predict(others, trainerThresholds.trainingError / candidate.length);
    const allowed = Math.max(half, trainerThresholds.trainingStepShare * Math.abs(centre));
    if (!(Math.abs(loss - centre) <= allowed))
      return `the loss of step ${step + 1} is ${loss.toFixed(5)}, more than ${((100 * allowed) / centre).toPrecision(2)} % from the references' ${centre.toFixed(5)}`;
  }
  if (mean >= low && mean <= high) return null;
  return `the mean loss of the last steps is ${mean.toFixed(6)}, honest trainers' lies in [${low.toFixed(6)}, ${high.toFixed(6)}]`;
}
