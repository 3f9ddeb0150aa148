import type { KernelSpec, LoadedSpec, Variant } from "../../specs/contracts/spec.js";
import type { Artifact, Candidate, EntrySignature, MachineClass, Session, SessionRequest, Target } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import type { CheckStatus, Evidence, SpeedFigure, TrainingCurve } from "../../specs/contracts/verdict.js";
import type { JudgeContext } from "../judge-context.js";
import type { Stopwatch } from "../stopwatch.js";
import type { TrainerBaseline } from "./trainer-baseline.js";
import type { TrainerBench } from "./trainer-bench.js";
import { TrainerProcess } from "./trainer-process.js";

/** All that the verifiers share while one trainer is judged. */
export interface TrainerContext {
  loaded: LoadedTrainerSpec;
  variant: Variant;
  target: Target;
  host: Target;
  machine: MachineClass;
  threads: number;
  candidate: Candidate;
  entries: EntrySignature[];
  /** Files laid beside every source: the generated header. */
  support: Record<string, string>;
  /** Public cases only, no long run, no speed. */
  quick: boolean;
  /** Everything but speed. */
  untimed: boolean;
  seeds: { hidden: string; training: string; timed: string; confirmation: string };
  stopwatch: Stopwatch;
  signal: AbortSignal;
  bench: () => Promise<TrainerBench>;
  /** The rival, found once. */
  baseline: () => Promise<TrainerBaseline>;
  /** Token ids of the text that is trained on, all below the vocabulary. */
  text: (vocabulary: number) => Promise<ArrayLike<number>>;
  /** Set by the build check, which runs before all that need it. */
  artifact: Artifact | null;
}

/** What a verifier returns; the judge adds its name and how long it took. */
export interface TrainerCheckAnswer {
  status: CheckStatus;
  /** What was looked at, or what was found, in one line for people. */
  summary: string;
  evidence: Evidence[];
  warnings?: string[];
  figures?: SpeedFigure[];
  curve?: TrainingCurve;
}

/** Longest time of one call; a step of a large model on a slow machine is long. */
const callTimeoutMs = 120_000;

/** Runs `work` with a trainer in a sandbox of its own, which is gone afterwards. */
export async function withTrainer<T>(
  context: TrainerContext,
  artifact: Artifact,
  memory: Pick<SessionRequest, "memory" | "compiler">,
  work: (trainer: TrainerProcess, session: Session) => Promise<T>,
): Promise<T> {
  const { target, entries, threads } = context;
  const session = await target.open({ libraries: [artifact], entries, threads, ...memory, wallMs: 3_600_000, callTimeoutMs });
  try {
    return await work(new TrainerProcess(session, entries, 0), session);
  } finally {
    await session.close();
  }
}

/** A trainer's spec as the verifiers of kernels read one that has no cases: its rules, its name. */
function asKernelSpec({ spec, ...files }: LoadedTrainerSpec): LoadedSpec {
  const kernel: KernelSpec = {
    format: "forge-kernel/1",
    name: spec.name,
    summary: spec.summary,
    source: spec.source,
    reference: spec.reference,
    variants: spec.variants,
    sizes: {},
    cases: { public: [], hidden: 4, timed: [] },
    regimes: [],
    entries: {},
    gates: { speed: 1, determinism: "bitwise" },
    rules: spec.rules,
    budget: spec.budget,
  };
  return { ...files, spec: kernel };
}

/** For the verifiers that trainers share with kernels: those of rules and of the built object. */
export function asKernelContext(context: TrainerContext): JudgeContext {
  const absent = () => Promise.reject(new Error("a trainer's rules are judged without references"));
  return {
    ...context,
    loaded: asKernelSpec(context.loaded),
    bench: absent,
    baseline: absent,
    duelLimitMs: 0,
  };
}
