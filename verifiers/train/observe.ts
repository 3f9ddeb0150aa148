import { type ModelTensor, modelTensors } from "../../specs/trainer/model-layout.js";
import type { TensorPart } from "../../specs/trainer/trainer-abi.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { drawFreshState, drawRandomBatch, type TrainerState } from "./draw-state.js";
import type { TrainerCase } from "./trainer-cases.js";
import type { Batch, StepReport, TrainerProcess } from "./trainer-process.js";

/** What was seen of a trainer in one case, by name of what was seen: "logits", "step 1: loss", "model.norm.weight: weight". */
export type Observations = Map<string, Observed>;

export interface Observed {
  shape: number[];
  rowLength: number;
  values: Float64Array;
  /** Of the ladder: what the model computes, what it learns from, what a step makes of it. */
  stage: "forward" | "backward" | "steps";
}

const largestSample = 1 << 15;

/** Secret rows of a large tensor; all rows of a small one. */
export function rowsToCompare(tensor: ModelTensor, seed: string): number[] | null {
  const rowLength = tensor.shape.at(-1)!;
  const rows = tensor.shape.length === 1 ? 1 : tensor.shape[0]!;
  if (rows * rowLength <= largestSample) return null;
  return new Random(deriveSeed(seed, "rows", tensor.name)).distinct(Math.max(8, Math.floor(largestSample / rowLength)), rows);
}

export async function writeState(trainer: TrainerProcess, state: TrainerState): Promise<void> {
  for (let tensor = 0; tensor < state.weights.length; tensor++) {
    await trainer.write(tensor, "weight", state.weights[tensor]!);
    await trainer.write(tensor, "first_moment", state.firstMoments[tensor]!);
    await trainer.write(tensor, "second_moment", state.secondMoments[tensor]!);
  }
  await trainer.seek(state.completedSteps);
}

/** The state of a trainer, rounded to float32, so that every type can be told it exactly. */
export async function readState(trainer: TrainerProcess, completedSteps: number): Promise<TrainerState> {
  const state: TrainerState = { weights: [], firstMoments: [], secondMoments: [], completedSteps };
  for (let tensor = 0; tensor < trainer.tensors().length; tensor++) {
    state.weights.push(Float32Array.from(await trainer.read(tensor, "weight")));
    state.firstMoments.push(Float32Array.from(await trainer.read(tensor, "first_moment")));
    state.secondMoments.push(Float32Array.from(await trainer.read(tensor, "second_moment")));
  }
  return state;
}

/** The batch of the n-th step of a case; those before the comparison begins count from 0 too. */
export const batchOf = ({ batch, setting, seed }: TrainerCase, step: number): Batch =>
  drawRandomBatch(batch, setting.shape.vocabulary, deriveSeed(seed, "batch", step));

/**
 * Where the comparison of a case begins: drawn, and then a few steps along the oracle's trajectory. There no second moment is left far below
 * its tensor's mean, as those of rows that no token has met are: a first gradient is divided by itself, so that its sign alone decides how
 * far a weight goes, and of a gradient that is nearly zero chance decides the sign. What comes of that no tolerance could tell from a mistake.
 */
export async function startingState(oracle: TrainerProcess, trainerCase: TrainerCase): Promise<TrainerState> {
  const { setting, completedSteps, forcedSteps, seed } = trainerCase;
  const first = drawFreshState(setting, Math.max(0, completedSteps - forcedSteps), seed);
  if (forcedSteps === 0) return first;
  await oracle.create(setting);
  await writeState(oracle, first);
  for (let step = 0; step < forcedSteps; step++) await oracle.step(batchOf(trainerCase, step));
  const state = await readState(oracle, first.completedSteps + forcedSteps);
  return { ...state, secondMoments: state.secondMoments.map(notBelowMean) };
}

function notBelowMean(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => Math.max(value, mean));
}

/** The batch of the n-th step that is compared. */
export const comparedBatch =
  (trainerCase: TrainerCase) =>
  (step: number): Batch =>
    batchOf(trainerCase, trainerCase.forcedSteps + step);

/**
 * Has a trainer sit a case from this state: its logits, then its steps without a look between them, then its moments. Learning rates and
 * weights are not among what is observed: they follow from what is, by arithmetic that is judged by itself (expect-update.ts).
 */
export async function observe(
  trainer: TrainerProcess,
  trainerCase: TrainerCase,
  state: TrainerState,
  batchAt: (step: number) => Batch,
): Promise<{ observations: Observations; reports: StepReport[] }> {
  const { setting, steps, kind } = trainerCase;
  const seen: Observations = new Map();
  const reports: StepReport[] = [];
  await trainer.create(setting);
  await writeState(trainer, state);
  if (kind === "gradients") {
    const { batch, length } = batchAt(0).shape;
    note(seen, "logits", "forward", await trainer.logits(batchAt(0)), [batch * length, setting.shape.vocabulary]);
  }
  for (let step = 0; step < steps; step++) reports.push(await trainer.step(batchAt(step)));
  for (const [step, report] of reports.entries()) noteReport(seen, kind, step, report);
  for (const [index, tensor] of modelTensors(setting.shape).entries()) {
    const rows = rowsToCompare(tensor, trainerCase.seed);
    for (const part of partsOf(trainerCase)) noteTensor(seen, kind, tensor, part, await trainer.read(index, part), rows);
  }
  return { observations: seen, reports };
}

/** The same of a step that a trainer did on its way, whose report and whose state afterwards are known. */
export const observationsOf = (trainerCase: TrainerCase, report: StepReport, { firstMoments, secondMoments }: TrainerState): Observations =>
  observationsFrom(trainerCase, report, (_, index) => ({
    first_moment: Float64Array.from(firstMoments[index]!),
    second_moment: Float64Array.from(secondMoments[index]!),
  }));

/** The same of one step, of which its report, its moments afterwards, tensor by tensor, and perhaps its logits are known. */
export function observationsFrom(
  trainerCase: TrainerCase,
  report: StepReport,
  momentsOf: (tensor: ModelTensor, index: number) => Record<Moment, Float64Array>,
  logits?: Float64Array,
): Observations {
  const { setting, kind, seed } = trainerCase;
  const seen: Observations = new Map();
  const { vocabulary } = setting.shape;
  if (logits) note(seen, "logits", "forward", logits, [logits.length / vocabulary, vocabulary]);
  noteReport(seen, kind, 0, report);
  for (const [index, tensor] of modelTensors(setting.shape).entries()) {
    const moments = momentsOf(tensor, index);
    for (const part of partsOf(trainerCase)) noteTensor(seen, kind, tensor, part, moments[part], rowsToCompare(tensor, seed));
  }
  return seen;
}

function note(seen: Observations, name: string, stage: Observed["stage"], values: Float64Array, shape: number[]): void {
  seen.set(name, { stage, values, shape, rowLength: shape.length === 1 ? values.length : shape.at(-1)! });
}

function noteReport(seen: Observations, kind: TrainerCase["kind"], step: number, report: StepReport): void {
  const isTrajectory = kind === "trajectory";
  note(seen, `step ${step + 1}: loss`, isTrajectory ? "steps" : "forward", Float64Array.of(report.loss), [1]);
  note(seen, `step ${step + 1}: gradient norm`, isTrajectory ? "steps" : "backward", Float64Array.of(report.gradient_norm), [1]);
}

function noteTensor(
  seen: Observations,
  kind: TrainerCase["kind"],
  tensor: ModelTensor,
  part: Moment,
  whole: Float64Array,
  rows: number[] | null,
): void {
  const rowLength = tensor.shape.at(-1)!;
  const values = rows === null ? whole : takeRows(whole, rowLength, rows);
  note(seen, `${tensor.name}: ${wordFor(part, kind)}`, stageOfPart(part, kind), values, [values.length / rowLength, rowLength]);
}

type Moment = Exclude<TensorPart, "weight">;

/** At a spec's own shape, which is large, second moments are judged by what they follow from only. */
const partsOf = ({ visibility }: TrainerCase): Moment[] => (visibility === "own" ? ["first_moment"] : ["first_moment", "second_moment"]);

const wordFor = (part: Moment, kind: TrainerCase["kind"]): string =>
  part === "first_moment" && kind === "gradients" ? "gradient (first moment)" : part.replace("_", " ");

const stageOfPart = (part: Moment, kind: TrainerCase["kind"]): Observed["stage"] =>
  part === "first_moment" && kind === "gradients" ? "backward" : "steps";

function takeRows(values: Float64Array, rowLength: number, rows: number[]): Float64Array {
  const taken = new Float64Array(rows.length * rowLength);
  rows.forEach((row, index) => {
    taken.set(values.subarray(row * rowLength, (row + 1) * rowLength), index * rowLength);
  });
  return taken;
}
