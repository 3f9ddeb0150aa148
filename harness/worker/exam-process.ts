import type { Candidate } from "../../specs/contracts/target.js";
import { loadExam } from "../../specs/trainer/load-trainer-spec.js";
import type { JudgeWatcher } from "../../verifiers/judge.js";
import type { CheckAnswer } from "../../verifiers/judge-context.js";
import type { Examiner } from "../examiner.js";
import { openRoom } from "../open-room.js";
import type { ExamAnswers, ExamDescription } from "../queue/exam-answer.js";
import type { ExamOrder, ExamSetting, ExamWord } from "./exam-protocol.js";

/** A kernel's or a trainer's. */
type Room = Examiner & { judgeSpeed(candidate: Candidate): Promise<CheckAnswer> };

/**
 * The process that a worker has examine: one exam room, one order after another, until the worker goes. A worker ends it to end a job,
 * and its sandboxes end with it; what breaks it does not break the worker.
 */
export async function runExamProcess(signal: AbortSignal): Promise<void> {
  if (!process.send) throw new Error("this command is started by `forge worker` and by nobody else");
  // Nobody hears it once the worker has gone.
  const say = (word: ExamWord) => void process.send?.(word, () => {});
  const gone = new Promise<void>((resolve) => process.once("disconnect", resolve));
  let room: Promise<Room> | null = null;
  process.on("message", (order: ExamOrder) => {
    room ??= roomFor(order.setting, signal);
    void room
      .then((opened) => carryOut(opened, order, say))
      .then((answer) => say({ type: "answer", answer }))
      .catch((error: unknown) => say(failure(error)));
  });
  say({ type: "ready" });
  await gone;
}

function roomFor({ specPath, variant, target, threads, duelLimitMs }: ExamSetting, signal: AbortSignal): Promise<Room> {
  return openRoom({
    loaded: loadExam(specPath),
    variant,
    target,
    ...(threads === null ? {} : { threads }),
    ...(duelLimitMs === null ? {} : { duelLimitMs }),
    unsafe: false,
    signal,
  });
}

async function carryOut(
  room: Room,
  { task, candidate }: ExamOrder,
  say: (word: ExamWord) => void,
): Promise<ExamAnswers[keyof ExamAnswers]> {
  if (task.kind === "describe") return describe(room);
  if (task.kind === "baseline") {
    const { compilers, flags, sourceHash } = await room.baseline();
    return { compilers, flags, sourceHash };
  }
  if (candidate === null) throw new Error(`the task ${task.kind} came without a candidate`);
  const watcher: JudgeWatcher = {
    started: (check) => say({ type: "event", event: { type: "check-started", check } }),
    finished: (result) => say({ type: "event", event: { type: "check-finished", result } }),
  };
  switch (task.kind) {
    case "judge":
      return room.judge(candidate, task.quick, watcher);
    case "speed":
      return room.judgeSpeed(candidate);
    case "try":
      return room.try(candidate);
    case "profile":
      return room.profile(candidate, task.entry, task.timedSize);
  }
}

async function describe(room: Examiner): Promise<ExamDescription> {
  const { machine, toolchains, protection, threads } = room;
  return { machine, toolchains, protection, threads, tuningSpace: room.tuningSpace(), chipFacts: await room.chipFacts() };
}

/** What is wrong with spec or candidate stays wrong, wherever it is tried. */
function failure(error: unknown): ExamWord {
  const known = error instanceof Error ? error : new Error(String(error));
  return { type: "failed", reason: known.message, isInput: known.name === "SpecError" || known.name === "CandidateError" };
}
