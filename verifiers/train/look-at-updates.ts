import { elementsOf, type ModelTensor, modelTensors } from "../../specs/trainer/model-layout.js";
import { deriveSeed, Random } from "../numerics/random.js";
import type { TrainerState } from "./draw-state.js";
import { learningRateAt, rateBound, readUpdate, type TensorState, tensorAt, type UpdateReading } from "./expect-update.js";
import { batchOf, writeState } from "./observe.js";
import { schedulePhases, type TrainerCase } from "./trainer-cases.js";
import type { StepReport, TrainerProcess } from "./trainer-process.js";

/** Of larger models only some tensors are looked at, drawn. */
const mostElements = 1 << 19;
const tensorsOfLarge = 3;
/** Steps of the schedule that are sought in each of its phases, besides its first and its last. */
const stepsOfPhase = 4;

/** The worst of something that one step made, by the name of what was seen. */
export interface UpdateObservation {
  output: string;
  /** Of the tensor; a learning rate has but one. */
  index: number[];
  expected: number;
  got: number;
  timesOver: number;
}

/** What the one step of a case has just made of the state that it was given. */
export async function lookAtStep(
  trainer: TrainerProcess,
  trainerCase: TrainerCase,
  state: TrainerState,
  report: StepReport,
): Promise<UpdateObservation[]> {
  const tensors = tensorsToWatch(trainerCase);
  const before = tensors.map(({ index }) => tensorAt(state, index));
  return observeStep(trainerCase, "step 1", state.completedSteps, report, tensors, before, await readAll(trainer, tensors));
}

/** The steps of a trajectory once more, all of them looked at. */
export async function watchSteps(trainer: TrainerProcess, trainerCase: TrainerCase, state: TrainerState): Promise<UpdateObservation[]> {
  const tensors = tensorsToWatch(trainerCase);
  const seen: UpdateObservation[] = [];
  await trainer.create(trainerCase.setting);
  await writeState(trainer, state);
  let before = tensors.map(({ index }) => tensorAt(state, index));
  for (let step = 0; step < trainerCase.steps; step++) {
    const report = await trainer.step(batchOf(trainerCase, trainerCase.forcedSteps + step));
    const after = await readAll(trainer, tensors);
    seen.push(...observeStep(trainerCase, `step ${step + 1}`, state.completedSteps + step, report, tensors, before, after));
    before = after;
  }
  return seen;
}

/** Seeks steps all over the schedule: the rate that is reported at each, and the one that a gain and a matrix are moved by. */
export async function watchSchedule(trainer: TrainerProcess, trainerCase: TrainerCase): Promise<UpdateObservation[]> {
  const random = new Random(deriveSeed(trainerCase.seed, "schedule"));
  const all = numbered(trainerCase);
  const isGain = ({ tensor }: WatchedTensor) => tensor.shape.length === 1;
  const tensors = [random.choose(all.filter(isGain)), random.choose(all.filter((entry) => !isGain(entry)))];
  const seen: UpdateObservation[] = [];
  let before = await readAll(trainer, tensors);
  for (const step of drawScheduleSteps(trainerCase, random)) {
    await trainer.seek(step);
    const report = await trainer.step(batchOf(trainerCase, trainerCase.forcedSteps + trainerCase.steps + step));
    const after = await readAll(trainer, tensors);
    seen.push(...observeStep(trainerCase, `at ${step} of the schedule`, step, report, tensors, before, after));
    before = after;
  }
  return seen;
}

/** The first step, the last, and one in every part of every phase. */
function drawScheduleSteps({ setting }: TrainerCase, random: Random): number[] {
  const drawn = schedulePhases(setting.optimizer).flatMap(([low, high]) =>
    Array.from({ length: stepsOfPhase }, (_, part) => {
      const at = (share: number) => low + Math.floor(((high - low) * share) / stepsOfPhase);
      return random.integer(at(part), at(part + 1));
    }),
  );
  return [0, ...drawn, setting.optimizer.total_steps - 1];
}

/** What of a step follows from the states before and after it, all of them. */
export function updatesBetween(
  trainerCase: TrainerCase,
  completedSteps: number,
  report: StepReport,
  before: TrainerState,
  after: TrainerState,
): UpdateObservation[] {
  const tensors = numbered(trainerCase);
  const statesOf = (state: TrainerState) => tensors.map(({ index }) => tensorAt(state, index));
  return observeStep(trainerCase, "a step", completedSteps, report, tensors, statesOf(before), statesOf(after));
}

interface WatchedTensor {
  tensor: ModelTensor;
  index: number;
}

const numbered = ({ setting }: TrainerCase): WatchedTensor[] => modelTensors(setting.shape).map((tensor, index) => ({ tensor, index }));

function tensorsToWatch(trainerCase: TrainerCase): WatchedTensor[] {
  const all = numbered(trainerCase);
  if (all.reduce((sum, { tensor }) => sum + elementsOf(tensor), 0) <= mostElements) return all;
  return new Random(deriveSeed(trainerCase.seed, "updates")).distinct(tensorsOfLarge, all.length).map((index) => all[index]!);
}

async function readAll(trainer: TrainerProcess, tensors: WatchedTensor[]): Promise<TensorState[]> {
  const states: TensorState[] = [];
  for (const { index } of tensors)
    states.push({
      weight: await trainer.read(index, "weight"),
      firstMoment: await trainer.read(index, "first_moment"),
      secondMoment: await trainer.read(index, "second_moment"),
    });
  return states;
}

function observeStep(
  { setting }: TrainerCase,
  name: string,
  completedSteps: number,
  report: StepReport,
  tensors: WatchedTensor[],
  before: TensorState[],
  after: TensorState[],
): UpdateObservation[] {
  const expected = learningRateAt(setting, completedSteps);
  const got = report.learning_rate;
  const off = Math.abs(got - expected) / rateBound(setting);
  const timesOver = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
  return [
    { output: `${name}: learning rate`, index: [0], expected, got, timesOver },
    ...tensors.flatMap(({ tensor }, index) =>
      readUpdate(setting, tensor, completedSteps, before[index]!, after[index]!).map((reading) => observationOf(name, tensor, reading)),
    ),
  ];
}

function observationOf(name: string, { name: tensor, shape }: ModelTensor, { part, index, ...reading }: UpdateReading): UpdateObservation {
  const rowLength = shape.at(-1)!;
  const place = shape.length === 1 ? [index] : [Math.floor(index / rowLength), index % rowLength];
  const origin = part === "weight" ? "its own moments" : "its own gradient";
  return { output: `${name}: ${tensor}: ${part} beside ${origin}`, index: place, ...reading };
}
