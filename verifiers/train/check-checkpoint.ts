import type { TrainerState } from "./draw-state.js";
import { drawFreshState } from "./draw-state.js";
import { batchOf, readState, writeState } from "./observe.js";
import { hiddenCases, publicCases, type TrainerCase } from "./trainer-cases.js";
import { type TrainerCheckAnswer, type TrainerContext, withTrainer } from "./trainer-context.js";
import { type StepReport, TrainerFault, type TrainerProcess } from "./trainer-process.js";

/** Steps before the checkpoint, and after it. */
const before = 2;
const after = 2;

interface Ending {
  reports: StepReport[];
  state: TrainerState;
}

/**
 * Four times the same training, each in a process of its own, must end in the same bits: straight through, straight through again
 * (determinism), with all that it holds read after every step (nobody may do otherwise where nobody looks), and from a checkpoint of the
 * first in a process that has done nothing before.
 */
export async function checkCheckpoint(context: TrainerContext): Promise<TrainerCheckAnswer> {
  const { spec } = context.loaded;
  const trajectory = (cases: TrainerCase[]) => cases.filter(({ kind }) => kind === "trajectory");
  const cases = [
    ...trajectory(publicCases(spec)),
    ...(context.quick ? [] : trajectory(hiddenCases(spec, `${context.seeds.hidden} checkpoint`)).slice(0, 2)),
  ];
  try {
    for (const trainerCase of cases) {
      context.signal.throwIfAborted();
      const { image, ending } = await inProcess(context, async (trainer) => {
        await begin(trainer, trainerCase);
        const saved = await trainer.save();
        return { image: saved, ending: await goOn(trainer, trainerCase) };
      });
      const again = await inProcess(context, async (trainer) => {
        await begin(trainer, trainerCase);
        return goOn(trainer, trainerCase);
      });
      const repeated = firstDifference(ending, again);
      if (repeated) return failed("determinism", `the same training in another process ends otherwise: ${repeated} differs`);
      const watched = await inProcess(context, async (trainer) => {
        const look = () => readState(trainer, 0);
        await begin(trainer, trainerCase, look);
        return goOn(trainer, trainerCase, look);
      });
      const changed = firstDifference(ending, watched);
      if (changed) return failed("determinism", `the same training, looked at between its steps, ends otherwise: ${changed} differs`);
      const restored = await inProcess(context, async (trainer) => {
        await trainer.restore(image, trainerCase.setting);
        return goOn(trainer, trainerCase);
      });
      const lost = firstDifference(ending, restored);
      if (lost) return failed("determinism", `training from a checkpoint is not what went on without one: ${lost} differs`);
    }
  } catch (error) {
    if (error instanceof TrainerFault) return failed(error.law, error.message);
    throw error;
  }
  return {
    status: "passed",
    summary: `${cases.length} training(s), repeated, looked at, and from a checkpoint in a new process, end in the same bits`,
    evidence: [],
  };
}

const failed = (law: string, detail: string): TrainerCheckAnswer => ({
  status: "failed",
  summary: detail,
  evidence: [{ law, kind: "fault", detail }],
});

const inProcess = <T>(context: TrainerContext, work: (trainer: TrainerProcess) => Promise<T>): Promise<T> =>
  context.stopwatch.during("running", () => withTrainer(context, context.artifact!, { memory: "plain" }, work));

const dontLook = async (): Promise<unknown> => null;

async function begin(trainer: TrainerProcess, trainerCase: TrainerCase, look = dontLook): Promise<void> {
  const { setting, completedSteps, seed } = trainerCase;
  await trainer.create(setting);
  await writeState(trainer, drawFreshState(setting, completedSteps, seed));
  for (let step = 0; step < before; step++) {
    await trainer.step(batchOf(trainerCase, step));
    await look();
  }
}

async function goOn(trainer: TrainerProcess, trainerCase: TrainerCase, look = dontLook): Promise<Ending> {
  const reports: StepReport[] = [];
  for (let step = before; step < before + after; step++) {
    reports.push(await trainer.step(batchOf(trainerCase, step)));
    await look();
  }
  return { reports, state: await readState(trainer, 0) };
}

/** The first thing that is not the same to the last bit, in words; null where all is. */
function firstDifference(left: Ending, right: Ending): string | null {
  for (const [step, report] of left.reports.entries())
    for (const [field, value] of Object.entries(report))
      if (!Object.is(value, right.reports[step]![field as keyof StepReport])) return `the ${field.replace("_", " ")} of a step`;
  for (const part of ["weights", "firstMoments", "secondMoments"] as const)
    for (const [tensor, values] of left.state[part].entries())
      if (values.some((value, index) => !Object.is(value, right.state[part][tensor]![index]))) return `tensor ${tensor} of the ${part}`;
  return null;
}
