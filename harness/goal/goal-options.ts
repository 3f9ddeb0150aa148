import type { BudgetLimits, ExamSummary, ForgeEvent, RunEnd } from "../../specs/contracts/event.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import type { AgentChoice } from "../agents.js";
import type { Examiner } from "../examiner.js";

export interface OperationChoice {
  /** These, whatever a profile says that they could win. */
  only?: readonly string[];
  /** Holds a goal of an operation although a kernel of it was accepted before. */
  reforge: boolean;
}

export interface GoalOptions {
  loaded: LoadedExam;
  variant: string;
  target: string;
  agent: AgentChoice;
  threads?: number;
  budget?: Partial<BudgetLimits>;
  /** How it goes on once something has passed; `linear` where absent. */
  strategy?: string;
  resume?: string | true;
  runsDirectory: string;
  outputDirectory: string;
  unsafe: boolean;
  /** Makes the trainer of operations, each by a goal of its own of the same agent. */
  byOperation?: OperationChoice;
  /** Whether the agent is given what earlier goals taught. */
  playbook: boolean;
  /** What examining the exam found; goes into the certificate. */
  exam?: ExamSummary;
  onEvent: (event: ForgeEvent) => void;
  signal: AbortSignal;
  /** Where candidates are judged, if not in a room on this machine. */
  examiner?: (options: ExaminerOptions) => Promise<Examiner>;
}

export type ExaminerOptions = Pick<GoalOptions, "loaded" | "variant" | "target" | "threads" | "unsafe" | "signal">;

export interface GoalResult {
  end: RunEnd;
  run: string;
  directory: string | null;
}
