import { createHash } from "node:crypto";
import type { Variant } from "../../specs/contracts/spec.js";
import type { Artifact, Session, Target, Toolchain } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { settingOf, trainerEntries } from "../../specs/trainer/trainer-abi.js";
import { drawFreshState } from "./draw-state.js";
import { drawTextBatch } from "./draw-text-batch.js";
import { writeState } from "./observe.js";
import { referenceTrainer } from "./trainer-bench.js";
import { type Batch, type StepReport, TrainerProcess } from "./trainer-process.js";

/** The rival: the reference in the variant's types at -O3 for this machine, on the same threads, by the better compiler. */
export interface TrainerBaseline {
  artifact: Artifact;
  compilers: string[];
  flags: string[];
  sourceHash: string;
  /** One step at the timed shape. */
  secondsPerStep: number;
}

export interface TrainerStage {
  target: Target;
  loaded: LoadedTrainerSpec;
  variant: Variant;
  support: Record<string, string>;
  threads: number;
}

/** A process with a trainer in it that has the weights which all begin from and has taken one step. */
export interface Contestant {
  session: Session;
  trainer: TrainerProcess;
  report: StepReport;
}

export async function beginTraining(stage: TrainerStage, artifact: Artifact, seed: string, first: Batch): Promise<Contestant> {
  const { target, threads, loaded, variant } = stage;
  const entries = trainerEntries(variant);
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

/** Builds the reference with every compiler and keeps the one whose step, the second, is faster. */
export async function findTrainerBaseline(
  stage: TrainerStage & { toolchains: Toolchain[]; text: ArrayLike<number> },
): Promise<TrainerBaseline> {
  const { target, loaded, variant, support, threads, toolchains, text } = stage;
  const compilers = target.tuningSpace(variant).compilers.filter((name) => toolchains.some((toolchain) => toolchain.name === name));
  const flags = ["-O3", "-march=native", "-ffp-contract=fast", "-fopenmp"];
  const batch = drawTextBatch(text, loaded.spec.exam.timed, "baseline", 0);
  let best: { artifact: Artifact; secondsPerStep: number } | null = null;
  for (const compiler of compilers) {
    const candidate = referenceTrainer(loaded, variant, compiler, flags);
    const build = await target.build({ candidate, support, entries: trainerEntries(variant), mode: "plain", threads });
    if (build.status === "failed") throw new Error(`the baseline does not build: ${build.log}`);
    const { session, trainer } = await beginTraining(stage, build.artifact, "baseline", batch);
    try {
      const { seconds } = await trainer.timedStep(batch);
      if (best === null || seconds < best.secondsPerStep) best = { artifact: build.artifact, secondsPerStep: seconds };
    } finally {
      await session.close();
    }
  }
  if (best === null) throw new Error("no compiler is here to build the baseline with");
  return { ...best, compilers, flags, sourceHash: createHash("sha256").update(loaded.referenceText).digest("hex") };
}
