import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Variant } from "../../specs/contracts/spec.js";
import type { Candidate, MachineClass, Target, Toolchain } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import type { TrainerVerdict } from "../../specs/contracts/trainer-verdict.js";
import { trainerEntries } from "../../specs/trainer/trainer-abi.js";
import { generateTrainerHeader } from "../../specs/trainer/trainer-header.js";
import { freshSeed } from "../../verifiers/numerics/random.js";
import { Stopwatch } from "../../verifiers/stopwatch.js";
import { sweepScratchFolders } from "../../verifiers/targets/scratch-folder.js";
import { judgeTrainer, type TrainerWatcher } from "../../verifiers/train/judge-trainer.js";
import { TrainerBench } from "../../verifiers/train/trainer-bench.js";
import type { TrainerContext } from "../../verifiers/train/trainer-context.js";
import { cacheDirectory } from "../cache-directory.js";
import { withDevice } from "../device-lock.js";
import { packageRoot } from "../package-root.js";
import { createSandbox } from "../sandbox/create-sandbox.js";
import { createTarget, hostTargetName, TargetUnavailable } from "../targets.js";
import { corpusTokens, type Vocabulary, vocabularies } from "./token-stream.js";

export interface TrainerRoomOptions {
  loaded: LoadedTrainerSpec;
  variant: string;
  target: string;
  threads?: number;
  unsafe: boolean;
  signal: AbortSignal;
}

/** Where trainers are judged: the target, the sandbox, and the references, which are built once for all submissions. */
export class TrainerRoom {
  private referenceBench: Promise<TrainerBench> | null = null;

  private constructor(
    readonly loaded: LoadedTrainerSpec,
    readonly variant: Variant,
    readonly target: Target,
    private readonly host: Target,
    readonly machine: MachineClass,
    readonly toolchains: Toolchain[],
    readonly threads: number,
    /** Files laid beside every candidate's sources. */
    readonly support: Record<string, string>,
    private readonly signal: AbortSignal,
  ) {}

  /** Throws where the target or the sandbox is not available here, with what to install. */
  static async open(options: TrainerRoomOptions): Promise<TrainerRoom> {
    const { loaded, signal } = options;
    sweepScratchFolders();
    const variant = loaded.spec.variants[options.variant]!;
    const context = { sandbox: createSandbox({ unsafe: options.unsafe }), cacheDirectory: cacheDirectory() };
    const target = createTarget(options.target, context);
    const host = options.target === hostTargetName ? target : createTarget(hostTargetName, context);
    const probe = await target.probe();
    if (probe.status === "unavailable") throw new TargetUnavailable(target.name, probe);
    const hostProbe = await host.probe();
    if (hostProbe.status === "unavailable") throw new TargetUnavailable(host.name, hostProbe);
    const support = {
      "forge.h": readFileSync(join(packageRoot(), "reference-kernels", "forge.h"), "utf8"),
      "forge_trainer.h": generateTrainerHeader(loaded.spec, variant),
    };
    const threads = options.threads ?? target.defaultThreads();
    return new TrainerRoom(loaded, variant, target, host, probe.machine, probe.toolchains, threads, support, signal);
  }

  /** A full verdict, or a quick one; it has the machine to itself among all Forge processes while it may time. */
  async judge(candidate: Candidate, quick: boolean, watcher: TrainerWatcher): Promise<TrainerVerdict> {
    const work = () => judgeTrainer(this.context(candidate, quick), watcher);
    return quick ? work() : withDevice(cacheDirectory(), this.signal, work);
  }

  private context(candidate: Candidate, quick: boolean): TrainerContext {
    const stopwatch = new Stopwatch();
    const { loaded, variant, target, host, machine, threads, support, signal } = this;
    return {
      ...{ loaded, variant, target, host, machine, threads, support, signal, candidate, quick, stopwatch },
      entries: trainerEntries(variant),
      seeds: { hidden: freshSeed(), training: freshSeed() },
      // The first one to ask waits for builds and sandboxes to start.
      bench: () => stopwatch.during("running", () => this.bench()),
      text: (vocabulary) => stopwatch.during("running", () => corpusTokens(largestWithin(vocabulary))),
      artifact: null,
    };
  }

  private bench(): Promise<TrainerBench> {
    this.referenceBench ??= TrainerBench.open(this.host, this.loaded, this.variant, this.support);
    return this.referenceBench;
  }

  async close(): Promise<void> {
    const bench = await this.referenceBench?.catch(() => null);
    await bench?.close();
  }
}

/** The text's largest vocabulary whose ids a model of this vocabulary knows; the spec's check has seen to it that there is one. */
const largestWithin = (vocabulary: number): Vocabulary => vocabularies.findLast((known) => known <= vocabulary) ?? vocabularies[0];
