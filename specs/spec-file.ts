import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { ValidateFunction } from "ajv";
import { readTextFile } from "./read-text-file.js";
import { readForgeHeader, readReference } from "./reference-file.js";
import { failOnSchema } from "./schema-problem.js";
import { type Fail, SpecError } from "./spec-error.js";
import { parseYaml } from "./yaml-source.js";

/** What one format of exams has of its own. */
export interface SpecFormat<Spec extends { reference: string }> {
  validate: ValidateFunction<Spec>;
  /** For whoever names a file that is none. */
  expected: string;
  remedy: string;
  /** What the schema cannot say. */
  checkMeaning(spec: Spec, fail: Fail): void;
  checkReference(spec: Spec, text: string, fail: Fail): void;
}

export interface SpecFile<Spec> {
  spec: Spec;
  /** Absolute. */
  path: string;
  text: string;
  /** SHA-256 (hex) of the text. */
  hash: string;
  referencePath: string;
  referenceText: string;
  /** SHA-256 (hex) of the reference and of forge.h, which it includes. */
  referenceHash: string;
}

function sha256(...texts: string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}

/**
 * Reads, parses and checks an exam and the reference that it names; nothing behind this needs checking again.
 * @throws SpecError with file, line, column, what was expected and what to do.
 */
export function readSpecFile<Spec extends { reference: string }>(path: string, format: SpecFormat<Spec>): SpecFile<Spec> {
  const absolute = resolve(path);
  const file = readTextFile(absolute);
  if (file.status === "unreadable") {
    const { expected, remedy } = format;
    throw new SpecError({ file: path, line: 1, column: 1, problem: file.problem, expected, remedy });
  }
  const { value, fail } = parseYaml(file.text, path);
  const { validate } = format;
  if (!validate(value)) return failOnSchema(validate.errors ?? [], value, fail);
  format.checkMeaning(value, fail);
  const reference = readReference(absolute, value.reference, fail);
  format.checkReference(value, reference.text, fail);
  return {
    spec: value,
    path: absolute,
    text: file.text,
    hash: sha256(file.text),
    referencePath: reference.path,
    referenceText: reference.text,
    referenceHash: sha256(reference.text, readForgeHeader()),
  };
}
