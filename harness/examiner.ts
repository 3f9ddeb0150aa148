import type { Sandbox, SandboxProtection } from "../specs/contracts/sandbox.js";
import type { Variant } from "../specs/contracts/spec.js";
import type { Candidate, MachineClass, Toolchain, TuningSpace } from "../specs/contracts/target.js";
import type { EntryTrial, Verdict } from "../specs/contracts/verdict.js";
import type { JudgeWatcher } from "../verifiers/judge.js";

/** What a certificate says of the rival. */
export interface BaselineSummary {
  compilers: string[];
  flags: string[];
  sourceHash: string;
}

/**
 * Whoever examines candidates for one spec, variant and target, as a goal needs it: an ExamRoom of this machine, or one that is
 * somewhere at the other end of a queue.
 */
export interface Examiner {
  readonly variant: Variant;
  /** Of the machine that examines. */
  readonly machine: MachineClass;
  readonly toolchains: Toolchain[];
  readonly protection: SandboxProtection;
  readonly threads: number;
  /** Files laid beside every candidate's sources. */
  readonly support: Record<string, string>;
  /** Of this machine: where an agent's shell runs. */
  readonly sandbox: Sandbox;
  tuningSpace(): TuningSpace;
  chipFacts(): Promise<string>;
  /** `occasion` names an attempt across crashes: asked again for the same, an answer that is there already may be given. */
  judge(candidate: Candidate, quick: boolean, watcher: JudgeWatcher, occasion?: string): Promise<Verdict>;
  /** A quick look without a verdict: public cases, then times at the timed sizes. */
  try(candidate: Candidate): Promise<Record<string, EntryTrial>>;
  profile(candidate: Candidate, entry: string, timedSize: number): Promise<string>;
  baseline(): Promise<BaselineSummary>;
  close(): Promise<void>;
}
