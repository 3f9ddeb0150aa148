import type { SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { MachineClass, Toolchain, TuningSpace } from "../../specs/contracts/target.js";
import type { EntryTrial, Verdict } from "../../specs/contracts/verdict.js";
import type { CheckAnswer } from "../../verifiers/judge-context.js";
import type { BaselineSummary } from "../examiner.js";

/** The machine that examines, as a goal needs to know it. */
export interface ExamDescription {
  machine: MachineClass;
  toolchains: Toolchain[];
  protection: SandboxProtection;
  threads: number;
  tuningSpace: TuningSpace;
  chipFacts: string;
}

/** What a worker answers, by the kind of the task. Whoever has the secret is trusted to answer in kind. */
export interface ExamAnswers {
  describe: ExamDescription;
  judge: Verdict;
  speed: CheckAnswer;
  try: Record<string, EntryTrial>;
  profile: string;
  baseline: BaselineSummary;
}
