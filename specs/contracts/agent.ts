import type { LoadedSpec, Variant } from "./spec.js";
import type { Candidate, MachineClass, Toolchain, TuningSpace } from "./target.js";
import type { Verdict } from "./verdict.js";

/** What the harness hands to an agent; it is all an agent may know. */
export interface AgentBriefing {
  loaded: LoadedSpec;
  variantName: string;
  variant: Variant;
  threads: number;
  machine: MachineClass;
  toolchains: Toolchain[];
  tuningSpace: TuningSpace;
  /** Markdown: what to know of the chip. */
  chipFacts: string;
  /** The generated header that a candidate implements. */
  header: string;
}

/** One tuning trial: a candidate and what to call it. */
export interface Trial {
  label: string;
  candidate: Candidate;
}

export type TrialResult =
  | { status: "measured"; label: string; secondsByEntry: Record<string, number> }
  | { status: "rejected"; label: string; reason: string };

/** The tools of an agent: everything it does goes through these. */
export interface AgentTools {
  briefing: AgentBriefing;
  /** Replaces the workspace's content. */
  write(candidate: Candidate): Promise<void>;
  /** Builds and times candidates at the timed sizes, without a verdict: a service of the harness for tunables. Public cases gate it. */
  measure(trials: Trial[], entries?: string[]): Promise<TrialResult[]>;
  /** Commits the workspace and has it judged in full. */
  submit(summary: string): Promise<Verdict>;
  note(text: string): void;
  /** False once the budget is spent; then `submit` and `measure` refuse. */
  budgetLeft(): boolean;
  /** Verdicts of earlier attempts of this run, oldest first (a resumed run has some at once). */
  history(): { summary: string; candidate: Candidate; verdict: Verdict }[];
}

/** Who writes the code. Returns when it has nothing more to try. */
export interface Agent {
  name: string;
  work(tools: AgentTools): Promise<void>;
}
