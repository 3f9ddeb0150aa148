import { resolve } from "node:path";
import type { ForgeEvent, RunEnd } from "../../specs/contracts/event.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { TurnTaking } from "../goal/turn-taking.js";
import type { SharedQueue } from "../queue/open-queue.js";
import { type AgentCommandOptions, agentChoiceOf, agentFlags, budgetOf } from "./agent-options.js";
import { operationChoice } from "./by-operation-choice.js";
import { commandName } from "./command-name.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { sessionExaminer } from "./session-examiner.js";

export interface GoalSessionOptions extends AgentCommandOptions {
  threads?: number;
  resume?: string | true;
  require: "passed" | "surpassed";
  json?: boolean;
  /** `--unsafe-no-sandbox` */
  unsafeNoSandbox?: boolean;
  acceptWeakExam?: boolean;
  output: string;
  runs: string;
}

export interface GoalSession {
  loaded: LoadedExam;
  specPath: string;
  variant: string;
  target: string;
  options: GoalSessionOptions;
  signal: AbortSignal;
  /** Where progress is shown: not on stdout where that belongs to a protocol. */
  stream: NodeJS.WriteStream;
  /** Where candidates are judged, if not here. */
  shared?: SharedQueue;
  /** Begins every line, where several goals go on side by side. */
  label?: string;
  /** Exams are examined one after the other: the second goal may find what the first found. */
  exams?: TurnTaking;
}

/** One goal, from the exam's examination to its closing text; returns how the command ends. */
export async function holdGoalSession(session: GoalSession): Promise<ExitCode> {
  const { loaded, specPath, variant, target, options, signal, stream } = session;
  const [{ runGoal }, { requireStrongExam }, { summaryOf }, { openProgress }, { closingText }, { unsafeWarning }, { isTrainerExam }] =
    await Promise.all([
      import("../run-goal.js"),
      import("../lint/require-strong-exam.js"),
      import("../lint/exam-report.js"),
      import("../progress/open-progress.js"),
      import("../progress/closing-text.js"),
      import("../report/unsafe-text.js"),
      import("../../specs/contracts/trainer-spec.js"),
    ]);
  const byOperation = operationChoice(loaded, variant, options, session.shared !== undefined);
  const progress = openProgress(stream, options.json ?? false, session.label);
  const onAbort = () => progress.say("Ending the run cleanly; Ctrl-C again stops at once.");
  signal.addEventListener("abort", onAbort, { once: true });
  const events: ForgeEvent[] = [];
  const unsafe = options.unsafeNoSandbox ?? false;
  if (unsafe) process.stderr.write(`${unsafeWarning}\n`);
  try {
    const { exams = new TurnTaking() } = session;
    // A trainer's exam is examined by its own suite of wrong trainers (docs/trainers.md), not by mutants of its reference.
    const report = isTrainerExam(loaded)
      ? null
      : await exams.take(() =>
          requireStrongExam({
            loaded,
            variant,
            specPath,
            unsafe,
            acceptWeak: options.acceptWeakExam ?? false,
            say: (text) => progress.say(text),
            signal,
          }),
        );
    const result = await runGoal({
      loaded,
      variant,
      target,
      agent: agentChoiceOf(options),
      ...(byOperation === null ? {} : { byOperation }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      budget: budgetOf(options),
      strategy: options.strategy,
      playbook: options.playbook,
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      runsDirectory: resolve(options.runs),
      outputDirectory: resolve(options.output),
      unsafe,
      ...(report === null ? {} : { exam: summaryOf(report) }),
      ...sessionExaminer(session.shared, (text) => progress.say(text)),
      onEvent: (event) => {
        events.push(event);
        progress.event(event, Date.parse(event.at), event.run);
      },
      signal,
    });
    progress.close();
    const repeat = {
      program: commandName(),
      command: options.agent === "mcp" ? ("mcp" as const) : ("goal" as const),
      ...{ specPath, variant, target, runs: options.runs },
      agent: agentFlags(options),
    };
    if (!options.json) stream.write(`\n${closingText({ ...result, events, repeat, unsafe })}\n`);
    return goalExitCode(result.end, result.directory, options.require, events);
  } finally {
    progress.close();
    signal.removeEventListener("abort", onAbort);
  }
}

function goalExitCode(end: RunEnd, directory: string | null, require: "passed" | "surpassed", events: ForgeEvent[]): ExitCode {
  if (end === "interrupted") return exitCodes.interrupted;
  if (end === "errored") return exitCodes.errored;
  if (end === "agent-stopped" && directory === null) return exitCodes.errored;
  if (directory === null) return exitCodes.failed;
  const surpassed = end === "surpassed" || events.some((event) => event.type === "framework-accepted" && event.outcome === "surpassed");
  return require === "surpassed" && !surpassed ? exitCodes.undecided : exitCodes.ok;
}
