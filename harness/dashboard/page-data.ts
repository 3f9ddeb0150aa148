import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { GatedFolder } from "../../specs/contracts/gate.js";
import type { Outcome, SpeedFigure } from "../../specs/contracts/verdict.js";
import type { RatioInterval } from "../../specs/verdict-speed.js";
import type { RunLine } from "../store/summarize-run.js";
import type { FileChange } from "./line-changes.js";

// What passes from the server to its page, and what stands in a report: types alone, so that both sides mean the same.

/** `store`: the folder of runs here. `record`: shipped beside an accepted kernel; it ends with the verdict that accepted it. */
export type RunPlace = { kind: "store" } | { kind: "record"; folder: string };

export interface RunRow extends RunLine {
  place: RunPlace;
}

/** How an accepted folder stands to its certificate, and that to the exam of today. */
export type CertificateMark =
  | { status: "valid" }
  | { status: "stale"; changed: string[] }
  | { status: "broken"; detail: string }
  /** Its spec is not here or does not load, so that nothing can be said of the exam. */
  | { status: "unknown"; reason: string };

/** What the last `forge gate` said of an accepted folder. */
export type GateMark = Pick<GatedFolder, "status" | "summary" | "judgedAt">;

export interface MatrixCell {
  spec: string;
  variant: string;
  target: string;
  folder: string;
  outcome: Outcome;
  ratio: RatioInterval | null;
  /** Share of the time that the measured physical limit would need, 0..1; null where nothing was timed. */
  limitShare: number | null;
  figures: SpeedFigure[];
  agent: string;
  threads: number;
  cpuModel: string;
  issuedAt: string;
  run: string | null;
  attempt: number;
  certificate: CertificateMark;
  gate: GateMark | null;
}

export interface MatrixData {
  /** Every spec x variant that is known here, accepted or not. */
  exams: { spec: string; variant: string }[];
  targets: string[];
  cells: MatrixCell[];
  /** Folders that look accepted and cannot be read, each with the reason. */
  unreadable: { folder: string; reason: string }[];
  runsDirectory: string;
  generatedDirectory: string;
}

export const runSortKeys = ["started", "run", "agent", "attempts", "speed-up", "state"] as const;
export type RunSortKey = (typeof runSortKeys)[number];

export interface RunQuery {
  /** Every word must occur in the run's name, agent, target or state. */
  text: string;
  spec: string | null;
  target: string | null;
  outcome: Outcome | "none" | null;
  sort: RunSortKey;
  descending: boolean;
}

export interface RunPage {
  rows: RunRow[];
  offset: number;
  /** Rows that the query finds, and rows there are. */
  found: number;
  all: number;
  specs: string[];
  targets: string[];
  /** Runs whose log cannot be read. */
  unreadable: string[];
}

export interface RunData {
  row: RunRow;
  /** Long texts are cut and file contents left out (see lean-event.ts). */
  events: ForgeEvent[];
}

/** What an attempt's code is, held against the code that it began from. */
export type AttemptChange =
  | {
      status: "known";
      /** `unrecorded`: the log does not say what it began from; everything is shown as new, as it is with `nothing`. */
      against: { kind: "attempt"; run: string; attempt: number } | { kind: "nothing" } | { kind: "unrecorded" };
      files: FileChange[];
    }
  | { status: "unknown"; reason: string };

/** One timed entry of one attempt, as the roofline shows it. */
export interface RooflinePoint {
  run: string;
  attempt: number;
  outcome: Outcome;
  spec: string;
  variant: string;
  target: string;
  cpuModel: string;
  threads: number;
  figure: SpeedFigure;
}

export interface RooflineData {
  points: RooflinePoint[];
  /** Runs of which the points are known so far: the rest is being read. */
  runsRead: number;
  runsInAll: number;
}

/** What is embedded in a report: one run, with the code of each attempt. */
export interface ReportData {
  run: RunData;
  changes: Record<string, AttemptChange>;
  madeAt: string;
  forgeVersion: string;
}

/** A training with `forge train`; figures are means of its latest steps, null before there are any. */
export interface TrainingLine {
  name: string;
  spec: string;
  variant: string;
  step: number;
  steps: number;
  /** `stopped`: nothing has been written for minutes. */
  state: "training" | "trained" | "stopped";
  loss: number | null;
  tokensPerSecond: number | null;
  modelFlopsUtilisation: number | null;
  secondsLeft: number | null;
  updatedAt: string;
}

/** Its curves, thinned: a point is the mean of the steps up to its own, null where one of them was not finite. */
export interface TrainingCurves {
  line: TrainingLine;
  points: { step: number; loss: number | null; gradientNorm: number | null; tokensPerSecond: number | null; peakBytes: number }[];
}

/** What the page is told while it is open. `events`: those of the run it shows, in order and without gaps. */
export type LiveMessage =
  | { type: "changed"; rows: RunRow[]; gone: string[]; accepted: boolean }
  | { type: "events"; run: string; events: ForgeEvent[] };
