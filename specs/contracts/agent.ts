import type { BudgetLimits, ConversationEvent } from "./event.js";
import type { Variant } from "./spec.js";
import type { Candidate, MachineClass, Toolchain, TuningSpace } from "./target.js";
import type { LoadedExam } from "./trainer-spec.js";
import type { EntryTrial, Verdict } from "./verdict.js";

/** What the harness hands to an agent; it is all an agent may know. */
export interface AgentBriefing {
  loaded: LoadedExam;
  variantName: string;
  variant: Variant;
  targetName: string;
  threads: number;
  machine: MachineClass;
  toolchains: Toolchain[];
  tuningSpace: TuningSpace;
  /** Markdown: what to know of the chip. */
  chipFacts: string;
  /** The generated header that a candidate implements. */
  header: string;
  /** Markdown: what earlier goals of this operation on this chip taught; empty where nothing did, or where it was switched off. */
  playbook: string;
  budget: BudgetLimits;
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

/** The text files that an agent works on; forge.json is one of them. Names are checked; each change is in the run's log before it returns. */
export interface WorkspaceFiles {
  list(): { name: string; bytes: number }[];
  read(name: string): string | null;
  write(name: string, text: string): void;
  /** False where there is no such file. */
  remove(name: string): boolean;
  /** Makes the workspace this candidate and nothing else. */
  replace(candidate: Candidate): void;
}

/** A workspace laid out on disk, for programs that work on files. */
export interface DeskFolder {
  /** Absolute path. */
  path: string;
  /** Takes over what now lies in the folder; says what could not be taken, and why. */
  take(): string[];
  /** Makes the folder's files those of the workspace. */
  lay(): void;
}

export interface ShellResult {
  /** stdout and stderr together, cut in the middle where it is long. */
  output: string;
  /** How it ended, in words: `exit code 0`, `out of time after 60000 ms`. */
  end: string;
  failed: boolean;
}

/** A judged attempt of the run. */
export interface JudgedAttempt {
  attempt: number;
  lane: number;
  summary: string;
  candidate: Candidate;
  verdict: Verdict;
}

/** What comes back for a submission: the verdict, and where the strategy has the work go on. */
export interface Submission {
  attempt: number;
  verdict: Verdict;
  /** What the workspace was set to where that is not what was submitted, and why. */
  direction: string | null;
}

/** The tools of an agent in one lane: everything it does goes through these. */
export interface AgentTools {
  /** Id of the run. */
  run: string;
  briefing: AgentBriefing;
  /** Files beside every candidate's sources, ours: the header of the entries and what it includes. */
  support: Readonly<Record<string, string>>;
  /** How this Forge is called from a shell, wherever that is. */
  forgeCommand: string;
  /** Several lanes work on one goal side by side, each in a workspace of its own; the first is 0. */
  lane: number;
  /** What the strategy has to say to a lane that begins; empty where nothing. */
  opening: string;
  workspace: WorkspaceFiles;
  openFolder(): DeskFolder;
  /** Runs a command line in the workspace, in the sandbox, without network. What it changes there stays. */
  shell(command: string): Promise<ShellResult>;
  /** Public cases alone, no speed: seconds, and no attempt. */
  check(): Promise<Verdict>;
  /** Where one entry's time goes at a timed size, in Markdown. */
  profile(entry: string, timedSize: number): Promise<string>;
  /** Says how many trials are coming, for whoever watches. */
  announceTrials(count: number): void;
  /** Builds one candidate, tries it on the public cases and times it at the timed sizes, without a verdict: a service of the harness for whatever can be tuned. */
  measure(trial: Trial): Promise<TrialResult>;
  /** Commits the workspace and has it judged in full. `lessons`: ids of the playbook that it tries. */
  submit(summary: string, lessons?: string[]): Promise<Submission>;
  /** The agent's own memory of this lane; survives compaction and resumption. */
  readNotes(): string;
  writeNotes(text: string): void;
  /** A remark for whoever watches. */
  note(text: string): void;
  /** Leaves a turn or a finished tool call of this lane in the log. */
  record(event: ConversationEvent): void;
  /** This lane's part of the log, oldest first: what `record` left, in this session or before it was interrupted. */
  conversation(): readonly ConversationEvent[];
  /** False once the budget is spent or the lane is over; then `submit`, `check` and `measure` refuse. */
  budgetLeft(): boolean;
  /** Verdicts of earlier attempts of this run, oldest first (a resumed run has some at once). */
  history(): readonly JudgedAttempt[];
  /** Aborted where the user interrupts. */
  signal: AbortSignal;
}

/** Who writes the code. `work` is called once a lane and returns when the agent has nothing more to try there. */
export interface Agent {
  name: string;
  /** The only strategy that it can work under; absent where any will do. */
  strategy?: string;
  work(tools: AgentTools): Promise<void>;
  /** What would be sent to a model first, as JSON without keys; absent where no model is asked. */
  preview?(briefing: AgentBriefing): unknown;
}

/** The agent cannot go on, but the run can be resumed: a spent account, a wrong key, a model that cannot be reached. */
export class AgentStopped extends Error {
  override name = "AgentStopped";
}
