import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { UsageError } from "./usage-error.js";

export function requireVariant(loaded: LoadedExam, variant: string): void {
  const known = Object.keys(loaded.spec.variants);
  if (!known.includes(variant)) throw new UsageError(`${loaded.path} has no variant '${variant}'; --variant takes ${known.join(", ")}`);
}

/** Throws UsageError where workers are to judge what only this machine can. */
export function requireForWorkers(loaded: LoadedExam): void {
  if (loaded.spec.format === "forge-trainer/1" && loaded.spec.recorded !== undefined)
    throw new UsageError(
      `${loaded.path} has a recording, ${loaded.spec.recorded.file}, which does not travel to workers: leave out --redis, and this machine judges`,
    );
}

export function requireTarget(known: string[], target: string): void {
  if (!known.includes(target))
    throw new UsageError(`there is no target '${target}'; --target takes ${known.join(", ")} (see \`forge targets\`)`);
}
