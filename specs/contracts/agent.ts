import type { LoadedSpec, Variant } from "./spec.js";
import type { Candidate, MachineClass, Toolchain, TuningSpace } from "./target.js";
import type { EntryTrial, Verdict } from "./verdict.js";

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

/** One tuning trial: a candidate, and a label that says what is tried. */
export interface Trial {
  label: string;
  candidate: Candidate;
}

export interface TrialResult {
  label: string;
  entries: Record<string, EntryTrial>;
}

/** The tools of an agent: everything it does goes through these. */
export interface AgentTools {
  briefing: AgentBriefing;
  /** Replaces the workspace's content. */
  write(candidate: Candidate): Promise<void>;
  /** Says how many trials are coming, for whoever watches. */
  announceTrials(count: number): void;
  /** Builds one candidate, tries it on the public cases and times it at the timed sizes, without a verdict: a service of the harness for whatever can be tuned. */
  measure(trial: Trial): Promise<TrialResult>;
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
