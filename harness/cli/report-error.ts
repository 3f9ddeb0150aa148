import { CommanderError } from "commander";
import { type ExitCode, exitCodes } from "./exit-codes.js";

/** Errors that are the user's to mend: their message says where and what to do. By name, so that no command's modules load here. */
const inputErrors = new Set([
  "UsageError",
  "SpecError",
  "StoreError",
  "CandidateError",
  "TensorFileError",
  "WeakExam",
  "SemanticListError",
  "GateInputError",
  "OutlineError",
]);

/** Something is missing on this machine, space included: the message says all there is, a stack adds nothing. */
const absences = new Set(["SandboxUnavailable", "TargetUnavailable", "DiskFull", "QueueUnavailable", "JobFailed", "ForgedMessage"]);

/** Says what went wrong, once, on stderr; returns how to exit. FORGE_DEBUG=1 adds the stack. */
export function reportError(error: unknown): ExitCode {
  // commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.badInput;
  const known = error instanceof Error ? error : new Error(String(error));
  if (process.env.FORGE_DEBUG) process.stderr.write(`${known.stack ?? known.message}\n`);
  process.stderr.write(`error: ${known.message}\n`);
  if (inputErrors.has(known.name)) return exitCodes.badInput;
  if (known.name === "TamperedFolder") return exitCodes.failed;
  if (known.name === "AbortError") return exitCodes.interrupted;
  if (!process.env.FORGE_DEBUG && !absences.has(known.name)) process.stderr.write("FORGE_DEBUG=1 shows where it happened.\n");
  return exitCodes.errored;
}
