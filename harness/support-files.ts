import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Variant } from "../specs/contracts/spec.js";
import { isTrainerExam, type LoadedExam } from "../specs/contracts/trainer-spec.js";
import { generateKernelHeader } from "../specs/kernel-header.js";
import { generateTrainerHeader } from "../specs/trainer/trainer-header.js";
import { packageRoot } from "./package-root.js";

/** Of the header that declares what a candidate implements. */
export const abiHeaderName = (loaded: LoadedExam): string => (isTrainerExam(loaded) ? "forge_trainer.h" : "forge_kernel.h");

/** Files that lie beside a candidate's sources when it is built, wherever that is. */
export function supportFiles(loaded: LoadedExam, variant: Variant): Record<string, string> {
  const header = isTrainerExam(loaded) ? generateTrainerHeader(loaded.spec, variant) : generateKernelHeader(loaded.spec, variant);
  return { "forge.h": readFileSync(join(packageRoot(), "reference-kernels", "forge.h"), "utf8"), [abiHeaderName(loaded)]: header };
}
