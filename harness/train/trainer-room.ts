import type { Sandbox, SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { Variant } from "../../specs/contracts/spec.js";
import type { Candidate, EntrySignature, MachineClass, Target, Toolchain, TuningSpace } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import type { EntryTrial, Verdict } from "../../specs/contracts/verdict.js";
import { trainerEntries } from "../../specs/trainer/trainer-abi.js";
import type { JudgeWatcher } from "../../verifiers/judge.js";
import type { CheckAnswer } from "../../verifiers/judge-context.js";
import { freshSeed } from "../../verifiers/numerics/random.js";
import { Stopwatch } from "../../verifiers/stopwatch.js";
import { sweepScratchFolders } from "../../verifiers/targets/scratch-folder.js";
import { checkTrainerSpeed } from "../../verifiers/train/check-speed.js";
import { drawTextBatch } from "../../verifiers/train/draw-text-batch.js";
import { asCheckAnswer, judgeTrainer } from "../../verifiers/train/judge-trainer.js";
import { profileTrainer } from "../../verifiers/train/profile-trainer.js";
import { beginTraining, findTrainerBaseline, type TrainerBaseline } from "../../verifiers/train/trainer-baseline.js";
import { TrainerBench } from "../../verifiers/train/trainer-bench.js";
import type { TrainerContext } from "../../verifiers/train/trainer-context.js";
import { TrainerFault } from "../../verifiers/train/trainer-process.js";
import { cacheDirectory } from "../cache-directory.js";
import { withDevice } from "../device-lock.js";
import type { SpeedQuestion } from "../exam-room.js";
import type { Examiner } from "../examiner.js";
import { openRecording } from "../outline/recording-file.js";
import { profileResultText } from "../profile-text.js";
import { evidenceText } from "../progress/evidence-text.js";
import { createSandbox } from "../sandbox/create-sandbox.js";
import { supportFiles } from "../support-files.js";
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

/** The one entry of a trainer that is timed. */
const timedEntry = "trainer_step";
const trialSteps = 3;

const unwatched: JudgeWatcher = { started: () => {}, finished: () => {} };

/** Where trainers are judged: the target, the sandbox, and the references, which are built once for all submissions. */
export class TrainerRoom implements Examiner {
  private referenceBench: Promise<TrainerBench> | null = null;
  private foundBaseline: Promise<TrainerBaseline> | null = null;
  readonly entries: EntrySignature[];

  private constructor(
    readonly loaded: LoadedTrainerSpec,
    readonly variant: Variant,
    readonly target: Target,
    private readonly host: Target,
    readonly machine: MachineClass,
    readonly toolchains: Toolchain[],
    readonly sandbox: Sandbox,
    readonly protection: SandboxProtection,
    readonly threads: number,
    /** Files laid beside every candidate's sources. */
    readonly support: Record<string, string>,
    private readonly signal: AbortSignal,
  ) {
    this.entries = trainerEntries(variant);
  }

  /** Throws where the target or the sandbox is not available here, with what to install. */
  static async open(options: TrainerRoomOptions): Promise<TrainerRoom> {
    const { loaded, signal } = options;
    sweepScratchFolders();
    const variant = loaded.spec.variants[options.variant]!;
    const sandbox = createSandbox({ unsafe: options.unsafe });
    const context = { sandbox, cacheDirectory: cacheDirectory() };
    const target = createTarget(options.target, context);
    const host = options.target === hostTargetName ? target : createTarget(hostTargetName, context);
    const probe = await target.probe();
    if (probe.status === "unavailable") throw new TargetUnavailable(target.name, probe);
    const hostProbe = await host.probe();
    if (hostProbe.status === "unavailable") throw new TargetUnavailable(host.name, hostProbe);
    const support = supportFiles(loaded, variant);
    const threads = options.threads ?? target.defaultThreads();
    const { machine, toolchains } = probe;
    return new TrainerRoom(loaded, variant, target, host, machine, toolchains, sandbox, sandbox.protection(), threads, support, signal);
  }

  /** A full verdict, or a quick one; it has the machine to itself among all Forge processes while it may time. */
  async judge(candidate: Candidate, quick: boolean, watcher: JudgeWatcher): Promise<Verdict> {
    const work = () => judgeTrainer(this.context(candidate, quick), watcher);
    return quick ? work() : withDevice(cacheDirectory(), this.signal, work);
  }

  /** The exam but for speed: hidden cases and the long run too, nothing timed. */
  async judgeCorrectness(candidate: Candidate, watcher: JudgeWatcher): Promise<Verdict> {
    return judgeTrainer({ ...this.context(candidate, false), untimed: true }, watcher);
  }

  /** The speed check alone, for what is known to be right. */
  async judgeSpeed(candidate: Candidate, { rival, target }: SpeedQuestion = {}): Promise<CheckAnswer> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      const context = this.context(candidate, false);
      context.artifact = await this.buildPlain(candidate);
      const asked = {
        ...(target === undefined ? {} : { target }),
        ...(rival ? { rival: { artifact: await this.buildPlain(rival), secondsPerStep: 0 } } : {}),
      };
      return asCheckAnswer(await checkTrainerSpeed(context, context.seeds.timed, asked));
    });
  }

  /**
   * Which of two right trainers is faster at the shape that is trained at. The speed check itself has a shape of its own, for the reference
   * is slow; neither of these need wait for it.
   */
  async race(candidate: Candidate, rival: Candidate): Promise<CheckAnswer> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      const context = this.context(candidate, false);
      const { spec } = this.loaded;
      context.loaded = { ...this.loaded, spec: { ...spec, exam: { ...spec.exam, timed: spec.training } } };
      context.artifact = await this.buildPlain(candidate);
      const question = { rival: { artifact: await this.buildPlain(rival), secondsPerStep: 0 } };
      return asCheckAnswer(await checkTrainerSpeed(context, context.seeds.timed, question));
    });
  }

  /** A quick look without a verdict: public cases, then the best of a few steps at the timed shape. */
  async try(candidate: Candidate): Promise<Record<string, EntryTrial>> {
    return withDevice(cacheDirectory(), this.signal, async () => ({ [timedEntry]: await this.tryStep(candidate) }));
  }

  private async tryStep(candidate: Candidate): Promise<EntryTrial> {
    const context = this.context(candidate, true);
    const verdict = await judgeTrainer(context, unwatched);
    const stopped = verdict.checks.find(({ status }) => status === "failed" || status === "errored");
    if (stopped) {
      const found = stopped.status === "failed" ? stopped.evidence[0] : undefined;
      return { status: "rejected", reason: `${stopped.check}: ${found ? evidenceText(found) : stopped.summary}` };
    }
    const { timed } = this.loaded.spec.exam;
    const text = await this.text();
    try {
      const { session, trainer } = await beginTraining(this, context.artifact!, freshSeed(), drawTextBatch(text, timed, "trial", 0));
      let seconds = Number.POSITIVE_INFINITY;
      try {
        for (let step = 1; step <= trialSteps; step++)
          seconds = Math.min(seconds, (await trainer.timedStep(drawTextBatch(text, timed, "trial", step))).seconds);
      } finally {
        await session.close();
      }
      return { status: "measured", seconds };
    } catch (error) {
      if (error instanceof TrainerFault) return { status: "rejected", reason: error.message };
      throw error;
    }
  }

  /** Where a step's time goes at the shape that is trained at, in Markdown; what is wrong with the candidate is told there too. */
  async profile(candidate: Candidate): Promise<string> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      const { training } = this.loaded.spec;
      return profileResultText(await profileTrainer(this, candidate, training, await this.text(), freshSeed()));
    });
  }

  /**
   * Share of each of the candidate's files in the time that its own code takes of a step of training, 0..1; null where the chip cannot tell. What
   * passes in libraries is nobody's: most of it is threads that wait for each other.
   */
  async fileShares(candidate: Candidate): Promise<Record<string, number> | null> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      const result = await profileTrainer(this, candidate, this.loaded.spec.training, await this.text(), freshSeed());
      if (result.status !== "profiled") throw new Error(`a trainer that was judged right cannot be profiled: ${result.status}`);
      const { functions } = result.profile;
      if (functions.status === "unavailable") return null;
      const own = functions.value.reduce((sum, { source, share }) => sum + (source ? share : 0), 0);
      if (own === 0) return null;
      const shares: Record<string, number> = {};
      for (const { source, share } of functions.value) if (source) shares[source.file] = (shares[source.file] ?? 0) + share / own;
      return shares;
    });
  }

  /** Tokens of the text that a model of this spec trains on. */
  text(): Promise<ArrayLike<number>> {
    return corpusTokens(largestWithin(this.loaded.spec.model.vocabulary));
  }

  tuningSpace(): TuningSpace {
    return this.target.tuningSpace(this.variant);
  }

  chipFacts(): Promise<string> {
    return this.target.facts();
  }

  baseline(): Promise<TrainerBaseline> {
    this.foundBaseline ??= this.text().then((text) => findTrainerBaseline({ ...this.stage(), toolchains: this.toolchains, text }));
    return this.foundBaseline;
  }

  private stage() {
    const { target, loaded, variant, support, threads } = this;
    return { target, loaded, variant, support, threads };
  }

  private async buildPlain(candidate: Candidate) {
    const { support, entries, threads } = this;
    const build = await this.target.build({ candidate, support, entries, mode: "plain", threads });
    if (build.status === "failed") throw new Error(`the candidate does not build: ${build.log}`);
    return build.artifact;
  }

  private context(candidate: Candidate, quick: boolean): TrainerContext {
    const stopwatch = new Stopwatch();
    const { host, machine, entries, signal } = this;
    return {
      ...{ ...this.stage(), host, machine, entries, signal, candidate, quick, stopwatch, untimed: false },
      seeds: { hidden: freshSeed(), training: freshSeed(), timed: freshSeed(), confirmation: freshSeed() },
      // The first one to ask waits for builds and sandboxes to start.
      bench: () => stopwatch.during("running", () => this.bench()),
      baseline: () => stopwatch.during("building", () => this.baseline()),
      text: (vocabulary) => stopwatch.during("running", () => corpusTokens(largestWithin(vocabulary))),
      artifact: null,
    };
  }

  private bench(): Promise<TrainerBench> {
    const open = () => TrainerBench.open(this.host, this.loaded, this.variant, this.support, { recording: openRecording(this.loaded) });
    this.referenceBench ??= open();
    return this.referenceBench;
  }

  async close(): Promise<void> {
    const bench = await this.referenceBench?.catch(() => null);
    await bench?.close();
  }
}

/** The text's largest vocabulary whose ids a model of this vocabulary knows; the spec's check has seen to it that there is one. */
const largestWithin = (vocabulary: number): Vocabulary => vocabularies.findLast((known) => known <= vocabulary) ?? vocabularies[0];
