import type { ProfileResult } from "../../specs/contracts/profile.js";
import type { Candidate, Exercise, Session } from "../../specs/contracts/target.js";
import type { BatchShape } from "../../specs/contracts/trainer-spec.js";
import { leastStepBytes, modelFlops } from "../../specs/trainer/step-work.js";
import { settingOf, trainerEntries } from "../../specs/trainer/trainer-abi.js";
import { printedText } from "../targets/printed-text.js";
import { drawFreshState } from "./draw-state.js";
import { drawTextBatch } from "./draw-text-batch.js";
import { writeState } from "./observe.js";
import { shareOfPeak } from "./share-of-peak.js";
import type { TrainerStage } from "./trainer-baseline.js";
import { TrainerFault, TrainerProcess } from "./trainer-process.js";

/** As long as this is sampled, but at least so many steps. */
const sampledMs = 4_000;
const minimumSteps = 2;
const callTimeoutMs = 60_000;
const maximumDetailCharacters = 2_000;

/** Where a step's time goes at a batch of this shape. It judges nothing: what the trainer does wrong is data, a broken machine throws. */
export async function profileTrainer(
  stage: TrainerStage,
  candidate: Candidate,
  batch: BatchShape,
  text: ArrayLike<number>,
  seed: string,
): Promise<ProfileResult> {
  const { target, support, threads, loaded, variant } = stage;
  const result = await target.profile({
    ...{ candidate, support, threads, callTimeoutMs },
    entries: trainerEntries(variant),
    exercise: (session) => exercise(stage, session, batch, text, seed),
  });
  if (result.status !== "profiled") return result;
  const { code, secondsPerCall: seconds } = result;
  const secondsPerCall = [...seconds].sort((a, b) => a - b)[seconds.length >> 1]!;
  const flops = modelFlops(loaded.spec.model, batch);
  const limitFraction = await shareOfPeak(target, variant, threads, flops / secondsPerCall);
  const roofline = {
    flopsPerSecond: flops / secondsPerCall,
    bytesPerSecond: leastStepBytes(loaded.spec.model) / secondsPerCall,
    limitSeconds: secondsPerCall * limitFraction,
    limitFraction,
    limitedBy: "compute" as const,
  };
  return {
    status: "profiled",
    profile: { entry: "trainer_step", sizes: { ...batch }, threads, calls: seconds.length, secondsPerCall, roofline, ...code },
  };
}

async function exercise(
  stage: TrainerStage,
  session: Session,
  batch: BatchShape,
  text: ArrayLike<number>,
  seed: string,
): Promise<Exercise> {
  const { loaded, variant } = stage;
  const trainer = new TrainerProcess(session, trainerEntries(variant), 0);
  const setting = settingOf(loaded.spec, loaded.spec.model);
  const secondsPerCall: number[] = [];
  try {
    await trainer.create(setting);
    await writeState(trainer, drawFreshState(setting, loaded.spec.optimizer.warmup_steps, seed));
    await trainer.step(drawTextBatch(text, batch, seed, 0));
    const startedAt = performance.now();
    for (let step = 1; step <= minimumSteps || performance.now() - startedAt < sampledMs; step++)
      secondsPerCall.push((await trainer.timedStep(drawTextBatch(text, batch, seed, step))).seconds);
  } catch (error) {
    if (!(error instanceof TrainerFault)) throw error;
    return { status: "crashed", detail: printedText(error.message, maximumDetailCharacters) };
  }
  return { status: "exercised", secondsPerCall };
}
