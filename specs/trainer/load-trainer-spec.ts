import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { Ajv } from "ajv";
import { type LoadedTrainerSpec, TrainerSpec } from "../contracts/trainer-spec.js";
import { readTextFile } from "../read-text-file.js";
import { readForgeHeader, readReference } from "../reference-file.js";
import { failOnSchema } from "../schema-problem.js";
import { SpecError } from "../spec-error.js";
import { parseYaml } from "../yaml-source.js";
import { checkTrainerMeaning } from "./check-trainer-meaning.js";

const validate = new Ajv({ allErrors: true, verbose: true }).compile<TrainerSpec>(TrainerSpec);

const sha256 = (...texts: string[]): string => {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
};

/** Whether a file says that it is a trainer's exam; what it says else is for `loadTrainerSpec`. */
export function isTrainerSpec(path: string): boolean {
  const file = readTextFile(resolve(path));
  return file.status === "read" && /^format:\s*["']?forge-trainer\//m.test(file.text);
}

/**
 * Reads, parses and checks a trainer's spec and the reference that it names; nothing behind this needs checking again.
 * @throws SpecError with file, line, column, what was expected and what to do.
 */
export function loadTrainerSpec(path: string): LoadedTrainerSpec {
  const absolute = resolve(path);
  const file = readTextFile(absolute);
  if (file.status === "unreadable")
    throw new SpecError({
      file: path,
      line: 1,
      column: 1,
      problem: file.problem,
      expected: "a trainer's spec: a YAML file of at most 1 MB",
      remedy: "check the path; specs/models/ has some to begin from",
    });
  const { value, fail } = parseYaml(file.text, path);
  if (!validate(value)) return failOnSchema(validate.errors ?? [], value, fail);
  const spec = value as TrainerSpec;
  checkTrainerMeaning(spec, fail);
  const reference = readReference(absolute, spec.reference, fail);
  return {
    spec,
    path: absolute,
    text: file.text,
    hash: sha256(file.text),
    referencePath: reference.path,
    referenceText: reference.text,
    referenceHash: sha256(reference.text, readForgeHeader()),
  };
}
