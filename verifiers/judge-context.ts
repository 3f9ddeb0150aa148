import type { LoadedSpec, Variant } from "../specs/contracts/spec.js";
import type { Artifact, Candidate, EntrySignature, MachineClass, Target } from "../specs/contracts/target.js";
import type { CheckResult } from "../specs/contracts/verdict.js";
import type { ReferenceBench } from "./align/reference-bench.js";
import type { Law } from "./laws.js";
import type { Baseline } from "./speed/baseline.js";
import type { Stopwatch } from "./stopwatch.js";

/** All that the verifiers share while one candidate is judged. */
export interface JudgeContext {
  loaded: LoadedSpec;
  variant: Variant;
  target: Target;
  /** Where the oracle and the honest evaluations run: a CPU target of this machine. */
  host: Target;
  machine: MachineClass;
  threads: number;
  candidate: Candidate;
  entries: EntrySignature[];
  /** Files laid beside every source: the generated header and forge.h. */
  support: Record<string, string>;
  quick: boolean;
  seeds: { hidden: string; timed: string; confirmation: string };
  stopwatch: Stopwatch;
  signal: AbortSignal;
  bench: () => Promise<ReferenceBench>;
  baseline: () => Promise<Baseline>;
  /** The built candidate; set by the build check, which runs before all that need it. */
  artifact: Artifact | null;
  /** Largest wall time of one duel. */
  duelLimitMs: number;
  /** A law that is not enforced: only in a test build, whose verdict is none (`judgeTestBuild`). */
  suspended?: Law;
}

/** What a verifier returns; the judge adds its name and how long it took. */
export type CheckAnswer = CheckResult extends infer Result
  ? Result extends CheckResult
    ? Omit<Result, "check" | "durationMs">
    : never
  : never;
