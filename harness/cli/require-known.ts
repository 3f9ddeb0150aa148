import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { UsageError } from "./usage-error.js";

export function requireVariant(loaded: LoadedExam, variant: string): void {
  const known = Object.keys(loaded.spec.variants);
  if (!known.includes(variant)) throw new UsageError(`${loaded.path} has no variant '${variant}'; --variant takes ${known.join(", ")}`);
}

export function requireTarget(known: string[], target: string): void {
  if (!known.includes(target))
    throw new UsageError(`there is no target '${target}'; --target takes ${known.join(", ")} (see \`forge targets\`)`);
}
