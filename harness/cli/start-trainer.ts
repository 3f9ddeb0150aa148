import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelShape } from "../../specs/contracts/trainer-spec.js";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { parameterCount, parametersWithoutEmbeddings } from "../../specs/trainer/model-layout.js";
import { readModelConfig } from "../model-config/read-model-config.js";
import { trainerSpecText, withCommas } from "../model-config/trainer-spec-text.js";
import { packageRoot } from "../package-root.js";
import { commandName } from "./command-name.js";
import { writeNew } from "./start-spec.js";
import { UsageError } from "./usage-error.js";

/** As specs name models: with dots, for they are named after their sizes. */
const namePattern = /^[a-z][a-z0-9]*([.-][a-z0-9]+)*$/;

/** Throws UsageError. */
export function requireModelName(name: string): void {
  if (!namePattern.test(name) || name.length > 60)
    throw new UsageError(`'${name}' is no name for a model: use lower-case words and numbers joined by '-' or '.', e.g. minicpm4-0.5b`);
}

/**
 * Writes a trainer's spec for the model of a config.json, and beside it the reference that it names, for a spec may not leave its project.
 * Throws UsageError for a bad name and where a file is in the way, SpecError for what is wrong with the config.
 */
export function startTrainer(name: string, configPath: string, into: string): { spec: string; files: string[]; shape: ModelShape } {
  requireModelName(name);
  const outline = readModelConfig(configPath);
  const spec = join(into, `${name}.yaml`);
  const reference = join(into, `${name}.c`);
  writeNew(spec, trainerSpecText(name, outline));
  writeNew(reference, readFileSync(join(packageRoot(), "reference-kernels", "decoder.c"), "utf8"));
  loadTrainerSpec(spec);
  return { spec, files: [spec, reference], shape: outline.shape };
}

/** What a person does next, with the model's size to compare with its card. */
export function trainerSteps({ spec, files, shape }: ReturnType<typeof startTrainer>): string {
  return [
    `Wrote ${files.join(", ")}: a decoder of ${withCommas(parameterCount(shape))} parameters, ${withCommas(parametersWithoutEmbeddings(shape))} without embeddings. Next:`,
    `  1. edit ${spec}: config.json says nothing of optimizer, batch and exam, so these are defaults (docs/trainers.md)`,
    "  2. write a trainer: a folder with sources and forge.json that implements forge_trainer.h",
    `  3. ${commandName()} check <folder> --spec ${spec} --variant f32`,
  ].join("\n");
}
