import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../../harness/cache-directory.js";
import { packageRoot } from "../../../harness/package-root.js";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import { createTarget, hostTargetName } from "../../../harness/targets.js";
import type { Candidate, MachineClass, Target } from "../../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../../specs/contracts/trainer-spec.js";
import type { TrainerCheckName } from "../../../specs/contracts/verdict.js";
import { trainerEntries } from "../../../specs/trainer/trainer-abi.js";
import { generateTrainerHeader } from "../../../specs/trainer/trainer-header.js";
import { Stopwatch } from "../../../verifiers/stopwatch.js";
import { alignmentStages, TrainerSitting } from "../../../verifiers/train/check-alignment.js";
import { checkCheckpoint } from "../../../verifiers/train/check-checkpoint.js";
import { checkTrainerMemory } from "../../../verifiers/train/check-memory.js";
import { checkTraining } from "../../../verifiers/train/check-training.js";
import { judgeTrainer } from "../../../verifiers/train/judge-trainer.js";
import { type RecordedExam, TrainerBench } from "../../../verifiers/train/trainer-bench.js";
import { hiddenCases, ownCases, publicCases, type TrainerCase } from "../../../verifiers/train/trainer-cases.js";
import type { TrainerCheckAnswer, TrainerContext } from "../../../verifiers/train/trainer-context.js";
import type { VariantName } from "./planted-trainers.js";

/** One rung of the ladder and what it said. */
export interface Rung extends TrainerCheckAnswer {
  check: TrainerCheckName;
}

/** Where many trainers are judged by the same cases: references are asked once for each. */
export class TrainerHall {
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly loaded: LoadedTrainerSpec,
    readonly variant: VariantName,
    private readonly target: Target,
    private readonly machine: MachineClass,
    private readonly bench: TrainerBench,
    private readonly seed: string,
    private readonly text: ArrayLike<number>,
    private readonly support: Record<string, string>,
  ) {}

  static async open(
    loaded: LoadedTrainerSpec,
    variant: VariantName,
    seed: string,
    text: ArrayLike<number>,
    recording: RecordedExam | null = null,
  ): Promise<TrainerHall> {
    const target = createTarget(hostTargetName, { sandbox: createSandbox({ unsafe: false }), cacheDirectory: cacheDirectory() });
    const probe = await target.probe();
    if (probe.status === "unavailable") throw new Error(probe.reason);
    const types = loaded.spec.variants[variant]!;
    const support = {
      "forge.h": readFileSync(join(packageRoot(), "reference-kernels", "forge.h"), "utf8"),
      "forge_trainer.h": generateTrainerHeader(loaded.spec, types),
    };
    // On one thread: several trainers are judged at once, and teams that wait for a processor wait long.
    const bench = await TrainerBench.open(target, loaded, types, support, { threads: 1, recording });
    return new TrainerHall(loaded, variant, target, probe.machine, bench, seed, text, support);
  }

  close(): Promise<void> {
    return this.bench.close();
  }

  publicCases(): TrainerCase[] {
    return publicCases(this.loaded.spec);
  }

  allCases(): TrainerCase[] {
    return [...this.publicCases(), ...hiddenCases(this.loaded.spec, this.seed)];
  }

  ownCases(): TrainerCase[] {
    return ownCases(this.loaded.spec, this.seed);
  }

  /** One after the other, for references sit in one process: afterwards several trainers can be judged side by side. */
  async prepare(cases: TrainerCase[]): Promise<void> {
    for (const trainerCase of cases) await this.bench.prepare(trainerCase);
  }

  /** References sit in one process, which one trainer at a time may have asked. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.turn.then(work);
    this.turn = turn.catch(() => {});
    return turn;
  }

  /** Built, and ready for the checks that follow; what does not build is a mistake of the test. */
  async enter(candidate: Candidate, threads: number, quick = false): Promise<TrainerContext> {
    const { loaded, variant, target, machine, support, seed } = this;
    const types = loaded.spec.variants[variant]!;
    const entries = trainerEntries(types);
    const build = await target.build({ candidate, support, entries, mode: "plain", threads });
    if (build.status === "failed") throw new Error(build.log);
    return {
      ...{ loaded, variant: types, target, host: target, machine, threads, candidate, entries, support, quick, untimed: true },
      seeds: { hidden: seed, training: seed, timed: seed, confirmation: seed },
      stopwatch: new Stopwatch(),
      signal: new AbortController().signal,
      bench: async () => this.bench,
      baseline: () => Promise.reject(new Error("nothing is timed here")),
      text: async () => this.text,
      artifact: build.artifact,
    };
  }
}

/** Forward, backward and steps by these cases, up to the first that does not pass. */
export async function sit(context: TrainerContext, cases: TrainerCase[]): Promise<Rung[]> {
  const sitting = await TrainerSitting.sit(context, cases);
  const rungs: Rung[] = [];
  for (const check of alignmentStages) {
    rungs.push({ check, ...(await sitting.judge(context, check)) });
    if (rungs.at(-1)!.status !== "passed") break;
  }
  return rungs;
}

/** One check by itself. */
export async function ask(context: TrainerContext, check: "rules" | "memory" | "checkpoint" | "training"): Promise<Rung> {
  if (check === "memory") return { check, ...(await checkTrainerMemory(context)) };
  if (check === "checkpoint") return { check, ...(await checkCheckpoint(context)) };
  if (check === "training") return { check, ...(await checkTraining(context)) };
  const { checks } = await judgeTrainer({ ...context, artifact: null }, { started: () => {}, finished: () => {} });
  const [rules] = checks;
  return { check, status: rules!.status, summary: rules!.summary, evidence: rules!.status === "failed" ? rules!.evidence : [] };
}
