import type { ExamEvent, ExamTask } from "../../specs/contracts/queue.js";
import type { Candidate } from "../../specs/contracts/target.js";

/** What an exam process is for, for as long as it lives. */
export interface ExamSetting {
  specPath: string;
  variant: string;
  target: string;
  threads: number | null;
  duelLimitMs: number | null;
}

/** From a worker to the process that examines for it. */
export type ExamOrder = { type: "exam"; setting: ExamSetting; task: ExamTask; candidate: Candidate | null };

/** And back. */
export type ExamWord =
  | { type: "ready" }
  | { type: "event"; event: ExamEvent }
  | { type: "answer"; answer: unknown }
  | { type: "failed"; reason: string; isInput: boolean };
