import { resolve } from "node:path";
import type { TrainerVerdict } from "../../specs/contracts/trainer-verdict.js";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { trainerCheckLine, trainerVerdictText } from "../progress/trainer-text.js";
import { unsafeRemark, unsafeWarning } from "../report/unsafe-text.js";
import { targetNames } from "../targets.js";
import { TrainerRoom } from "../train/trainer-room.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { requireTarget } from "./require-known.js";
import { UsageError } from "./usage-error.js";

export interface CheckTrainerOptions {
  folder: string;
  specPath: string;
  variant: string;
  target: string;
  threads?: number;
  quick: boolean;
  require: "passed" | "surpassed";
  json: boolean;
  unsafe: boolean;
}

/** `forge check` where the exam is a trainer's: the same ladder of milestones that any trainer climbs. */
export async function checkTrainer(options: CheckTrainerOptions, signal: AbortSignal): Promise<ExitCode> {
  const { folder, variant, target, threads, quick, json, unsafe } = options;
  const loaded = loadTrainerSpec(options.specPath);
  const variants = Object.keys(loaded.spec.variants);
  if (!variants.includes(variant))
    throw new UsageError(`${loaded.path} has no variant '${variant}'; --variant takes ${variants.join(", ")}`);
  requireTarget(targetNames, target);
  if (unsafe) process.stderr.write(`${unsafeWarning}\n`);
  const candidate = readCandidateFolder(resolve(folder));
  const room = await TrainerRoom.open({ loaded, variant, target, ...(threads === undefined ? {} : { threads }), unsafe, signal });
  try {
    const verdict = await room.judge(candidate, quick, {
      started: () => {},
      finished: (result) =>
        process.stdout.write(`${json ? JSON.stringify({ type: "check-finished", result }) : trainerCheckLine(result)}\n`),
    });
    const last = json
      ? JSON.stringify({ type: "trainer-judged", verdict })
      : `\n${trainerVerdictText(verdict)}${unsafe ? `\n${unsafeRemark}` : ""}`;
    process.stdout.write(`${last}\n`);
    return exitCodeOf(verdict, options.require);
  } finally {
    await room.close();
  }
}

function exitCodeOf({ outcome }: TrainerVerdict, require: CheckTrainerOptions["require"]): ExitCode {
  if (outcome === "failed") return exitCodes.failed;
  if (outcome === "errored") return exitCodes.errored;
  return outcome === "passed" && require === "surpassed" ? exitCodes.undecided : exitCodes.ok;
}
