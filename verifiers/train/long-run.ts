import type { TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { settingOf, type TrainerSetting } from "../../specs/trainer/trainer-abi.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { drawFreshState, type TrainerState } from "./draw-state.js";
import { drawTextBatch } from "./draw-text-batch.js";
import { readState, writeState } from "./observe.js";
import type { Batch, StepReport, TrainerProcess } from "./trainer-process.js";

/** A free run on text: its setting, where it begins, and the batch of each step. */
export interface LongRun {
  setting: TrainerSetting;
  start: TrainerState;
  /** The last is of text that is never trained on before. */
  batches: Batch[];
  /** Steps that are looked at in a second run: drawn, and the last. */
  looks: number[];
  seed: string;
}

/** Steps that are looked at, besides the last. */
const drawnLooks = 4;

export async function trainFreely(trainer: TrainerProcess, { setting, start, batches }: LongRun): Promise<StepReport[]> {
  await trainer.create(setting);
  await writeState(trainer, start);
  const reports: StepReport[] = [];
  for (const batch of batches) reports.push(await trainer.step(batch));
  return reports;
}

/** One step of a run with what the trainer held before and after it. */
export interface Look {
  step: number;
  before: TrainerState;
  report: StepReport;
  after: TrainerState;
}

/** The same run, its weights and moments read around some steps. */
export async function trainWatched(trainer: TrainerProcess, longRun: LongRun): Promise<{ reports: StepReport[]; looks: Look[] }> {
  await trainer.create(longRun.setting);
  await writeState(trainer, longRun.start);
  const reports: StepReport[] = [];
  const looks: Look[] = [];
  for (const [step, batch] of longRun.batches.entries()) {
    const before = longRun.looks.includes(step) ? await readState(trainer, step) : null;
    const report = await trainer.step(batch);
    reports.push(report);
    if (before) looks.push({ step, before, report, after: await readState(trainer, step + 1) });
  }
  return { reports, looks };
}

/** The schedule of the spec, squeezed into the steps of the long run: warm-up, plateau and decay all happen. */
export function drawLongRun(spec: TrainerSpec, text: ArrayLike<number>, seed: string): LongRun {
  const { shape, batch, steps } = spec.exam.long_run;
  const setting = settingOf(spec, shape);
  const optimizer = {
    ...setting.optimizer,
    warmup_steps: Math.ceil(0.1 * steps),
    decay_start: Math.ceil(0.7 * steps),
    total_steps: steps,
  };
  // One in each part of what comes after the first steps: those are looked at along trajectories.
  const random = new Random(deriveSeed(seed, "looks"));
  const [first, width] = [Math.ceil(steps / 5), Math.floor((steps - Math.ceil(steps / 5)) / drawnLooks)];
  const looks = Array.from({ length: drawnLooks }, (_, part) => first + part * width + random.integer(0, width - 1));
  return {
    seed,
    setting: { ...setting, optimizer },
    start: drawFreshState(setting, 0, deriveSeed(seed, "start")),
    batches: Array.from({ length: steps + 1 }, (_, step) => drawTextBatch(text, batch, seed, step)),
    looks: [...looks, steps],
  };
}
