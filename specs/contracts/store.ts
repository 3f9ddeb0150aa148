import type { EventBody, ForgeEvent, GoalDescription, RunEnd } from "./event.js";
import type { Candidate } from "./target.js";
import type { Outcome } from "./verdict.js";

/** A line of the index: what `forge runs` lists. */
export interface RunSummary {
  run: string;
  spec: string;
  variant: string;
  target: string;
  agent: string;
  startedAt: string;
  lastEventAt: string;
  attempts: number;
  bestOutcome: Outcome | null;
  /** Geometric mean of the accepted attempt's confirmed ratios; null before acceptance. */
  bestRatio: number | null;
  end: RunEnd | null;
}

/** An open run: its log is the truth, and is locked by this process. */
export interface OpenRun {
  id: string;
  directory: string;
  /** Durable on return (fsync). */
  append(body: EventBody): ForgeEvent;
  events(): readonly ForgeEvent[];
  /** Commits the candidate to the run's workspace (git object first); returns commit and tree. */
  commit(candidate: Candidate, summary: string): Promise<{ commit: string; tree: string }>;
  /** The candidate as it stood in a commit. */
  read(commit: string): Promise<Candidate>;
  close(): void;
}

export interface RunStore {
  create(goal: GoalDescription): Promise<OpenRun>;
  /** Throws StoreError where the run is unknown, locked or of a newer format. Cuts a torn last line and reports its bytes. */
  open(run: string): Promise<{ run: OpenRun; truncatedBytes: number }>;
  list(): RunSummary[];
  eventsOf(run: string): ForgeEvent[];
  /** The newest unfinished run of the same goal, for --resume without an id. */
  newestUnfinished(goal: GoalDescription): string | null;
  rebuildIndex(): number;
}

/** Bad data or a refused operation of the store: the message names the file and what to do. */
export class StoreError extends Error {
  override name = "StoreError";
}
