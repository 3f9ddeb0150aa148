import type { Sandbox, SandboxProtection } from "../specs/contracts/sandbox.js";
import type { LoadedSpec, Sizes, Variant } from "../specs/contracts/spec.js";
import type { Artifact, Candidate, EntrySignature, MachineClass, Target, Toolchain, TuningSpace } from "../specs/contracts/target.js";
import type { EntryTrial, Verdict } from "../specs/contracts/verdict.js";
import { entrySignatures } from "../specs/entry-signature.js";
import { ReferenceBench } from "../verifiers/align/reference-bench.js";
import { type JudgeWatcher, judge } from "../verifiers/judge.js";
import type { CheckAnswer, JudgeContext } from "../verifiers/judge-context.js";
import { freshSeed } from "../verifiers/numerics/random.js";
import { ProfileBench } from "../verifiers/profile/profile-bench.js";
import { type Baseline, findBaseline } from "../verifiers/speed/baseline.js";
import { checkSpeed } from "../verifiers/speed/check-speed.js";
import { Stopwatch } from "../verifiers/stopwatch.js";
import { sweepScratchFolders } from "../verifiers/targets/scratch-folder.js";
import { TrialBench } from "../verifiers/trial-bench.js";
import { cacheDirectory } from "./cache-directory.js";
import { withDevice } from "./device-lock.js";
import type { Examiner } from "./examiner.js";
import { profileResultText } from "./profile-text.js";
import { createSandbox } from "./sandbox/create-sandbox.js";
import { supportFiles } from "./support-files.js";
import { createTarget, hostTargetName, TargetUnavailable } from "./targets.js";

export interface ExamRoomOptions {
  loaded: LoadedSpec;
  variant: string;
  target: string;
  threads?: number;
  unsafe: boolean;
  signal: AbortSignal;
  /** Longest time that one duel measures; the usual one is reached only by equals that noise keeps apart. Beginning processes comes on top. */
  duelLimitMs?: number;
}

const usualDuelLimitMs = 120_000;

/** What the speed check is asked in place of the spec's own question. */
export interface SpeedQuestion {
  /** Code that takes the baseline's seat: known to be right, for nobody looks at what it computes. */
  rival?: Candidate;
  /** The ratio that "faster" must exceed. */
  target?: number;
  only?: { entry: string; sizes: Sizes };
}

/** Where candidates for one spec, variant and target are judged: sandbox, target, references and baseline, opened once. */
export class ExamRoom implements Examiner {
  private referenceBench: Promise<ReferenceBench> | null = null;
  private foundBaseline: Promise<Baseline> | null = null;
  private trials: Promise<TrialBench> | null = null;
  private profiles: Promise<ProfileBench> | null = null;

  private constructor(
    readonly loaded: LoadedSpec,
    readonly variant: Variant,
    readonly target: Target,
    private readonly host: Target,
    readonly machine: MachineClass,
    readonly toolchains: Toolchain[],
    readonly sandbox: Sandbox,
    readonly protection: SandboxProtection,
    readonly threads: number,
    readonly entries: EntrySignature[],
    /** Files laid beside every candidate's sources. */
    readonly support: Record<string, string>,
    private readonly signal: AbortSignal,
    private readonly duelLimitMs: number,
  ) {}

  /** Throws where the target or the sandbox is not available here, with what to install. */
  static async open(options: ExamRoomOptions): Promise<ExamRoom> {
    const { loaded, signal } = options;
    sweepScratchFolders();
    const variant = loaded.spec.variants[options.variant]!;
    const sandbox = createSandbox({ unsafe: options.unsafe });
    const context = { sandbox, cacheDirectory: cacheDirectory() };
    const target = createTarget(options.target, context);
    const host = options.target === hostTargetName ? target : createTarget(hostTargetName, context);
    for (const needed of [target, host]) {
      const probe = await needed.probe();
      if (probe.status === "unavailable") throw new TargetUnavailable(needed.name, probe);
    }
    const probe = await target.probe();
    if (probe.status === "unavailable") throw new Error(probe.reason);
    const support = supportFiles(loaded, variant);
    const threads = options.threads ?? target.defaultThreads();
    return new ExamRoom(
      loaded,
      variant,
      target,
      host,
      probe.machine,
      probe.toolchains,
      sandbox,
      sandbox.protection(),
      threads,
      entrySignatures(loaded.spec, variant),
      support,
      signal,
      options.duelLimitMs ?? usualDuelLimitMs,
    );
  }

  /** A full verdict, or a quick one; timing has the machine to itself among all Forge processes. */
  async judge(candidate: Candidate, quick: boolean, watcher: JudgeWatcher): Promise<Verdict> {
    const work = () => judge(this.context(candidate, quick), watcher);
    return quick ? work() : withDevice(cacheDirectory(), this.signal, work);
  }

  /** The exam but for speed: hidden cases too, nothing timed. */
  async judgeCorrectness(candidate: Candidate, watcher: JudgeWatcher): Promise<Verdict> {
    return judge({ ...this.context(candidate, false), loaded: withTimedSizes(this.loaded, []) }, watcher);
  }

  /** The speed check alone, for what is known to be right. */
  async judgeSpeed(candidate: Candidate, question: SpeedQuestion = {}): Promise<CheckAnswer> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      const context = this.context(candidate, false);
      const { only, rival, target } = question;
      const loaded = only ? withTimedSizes(this.loaded, [only.sizes]) : this.loaded;
      const artifact = await this.buildPlain(candidate);
      const library = rival ? await this.buildPlain(rival) : null;
      const gates = { ...loaded.spec.gates, ...(target === undefined ? {} : { speed: target }) };
      return checkSpeed(
        {
          ...context,
          artifact,
          loaded: { ...loaded, spec: { ...loaded.spec, gates } },
          entries: only ? this.entries.filter((entry) => entry.name === only.entry) : this.entries,
          ...(rival && library ? { baseline: async () => rivalBaseline(rival, library) } : {}),
        },
        context.seeds.timed,
      );
    });
  }

  private async buildPlain(candidate: Candidate): Promise<Artifact> {
    const { support, entries, threads } = this;
    const build = await this.target.build({ candidate, support, entries, mode: "plain", threads });
    if (build.status === "failed") throw new Error(`the candidate does not build: ${build.log}`);
    return build.artifact;
  }

  private context(candidate: Candidate, quick: boolean): JudgeContext {
    const stopwatch = new Stopwatch();
    return {
      loaded: this.loaded,
      variant: this.variant,
      target: this.target,
      host: this.host,
      machine: this.machine,
      threads: this.threads,
      candidate,
      entries: this.entries,
      support: this.support,
      quick,
      seeds: { hidden: freshSeed(), timed: freshSeed(), confirmation: freshSeed() },
      stopwatch,
      signal: this.signal,
      // The first one to ask waits for builds and sandboxes to start.
      bench: () => stopwatch.during("running", () => this.bench()),
      baseline: () => stopwatch.during("building", () => this.baseline()),
      artifact: null,
      duelLimitMs: this.duelLimitMs,
    };
  }

  /** A quick look without a verdict: public cases, then times at the timed sizes. */
  async try(candidate: Candidate): Promise<Record<string, EntryTrial>> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      this.trials ??= TrialBench.prepare({
        bench: await this.bench(),
        target: this.target,
        entries: this.entries,
        threads: this.threads,
        support: this.support,
        seed: freshSeed(),
        cacheBytes: this.machine.cacheBytes.l3,
      });
      return (await this.trials).try(candidate);
    });
  }

  /** Where an entry's time goes at one of the spec's timed sizes, in Markdown; what is wrong with the candidate is told there too. */
  async profile(candidate: Candidate, entry: string, timedSize: number): Promise<string> {
    return withDevice(cacheDirectory(), this.signal, async () => {
      this.profiles ??= this.bench().then(
        (bench) =>
          new ProfileBench({
            bench,
            target: this.target,
            machine: this.machine,
            entries: this.entries,
            threads: this.threads,
            support: this.support,
            seed: freshSeed(),
          }),
      );
      return profileResultText(await (await this.profiles).profile(candidate, entry, this.loaded.spec.cases.timed[timedSize]!));
    });
  }

  tuningSpace(): TuningSpace {
    return this.target.tuningSpace(this.variant);
  }

  chipFacts(): Promise<string> {
    return this.target.facts();
  }

  bench(): Promise<ReferenceBench> {
    this.referenceBench ??= ReferenceBench.open(this.host, this.loaded, this.variant, this.support);
    return this.referenceBench;
  }

  baseline(): Promise<Baseline> {
    this.foundBaseline ??= this.bench().then((bench) =>
      findBaseline({
        bench,
        target: this.target,
        toolchains: this.toolchains,
        machine: this.machine,
        threads: this.threads,
        support: this.support,
        cacheDirectory: cacheDirectory(),
      }),
    );
    return this.foundBaseline;
  }

  async close(): Promise<void> {
    const bench = await this.referenceBench?.catch(() => null);
    await bench?.close();
  }
}

function withTimedSizes(loaded: LoadedSpec, timed: Sizes[]): LoadedSpec {
  return { ...loaded, spec: { ...loaded.spec, cases: { ...loaded.spec.cases, timed } } };
}

function rivalBaseline({ manifest }: Candidate, library: Artifact): Baseline {
  return { libraries: [library], choose: () => 0, compilers: [manifest.compiler], flags: [], source: "", sourceHash: library.hash };
}
