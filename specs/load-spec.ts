import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { Ajv } from "ajv";
import { checkMeaning } from "./check-meaning.js";
import { checkReference } from "./check-reference.js";
import { KernelSpec, type LoadedSpec } from "./contracts/spec.js";
import { readTextFile } from "./read-text-file.js";
import { readForgeHeader, readReference } from "./reference-file.js";
import { failOnSchema } from "./schema-problem.js";
import { SpecError } from "./spec-error.js";
import { parseYaml } from "./yaml-source.js";

const validate = new Ajv({ allErrors: true, verbose: true }).compile<KernelSpec>(KernelSpec);

function sha256(...texts: string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}

/**
 * Reads, parses and checks a spec and the reference that it names; nothing behind this needs checking again.
 * @throws SpecError with file, line, column, what was expected and what to do.
 */
export function loadSpec(path: string): LoadedSpec {
  const absolute = resolve(path);
  const file = readTextFile(absolute);
  if (file.status === "unreadable")
    throw new SpecError({
      file: path,
      line: 1,
      column: 1,
      problem: file.problem,
      expected: "a spec: a YAML file of at most 1 MB",
      remedy: "check the path; `forge init NAME` writes a new spec",
    });

  const { value, fail } = parseYaml(file.text, path);
  if (!validate(value)) return failOnSchema(validate.errors ?? [], value, fail);
  const spec = value as KernelSpec;
  checkMeaning(spec, fail);
  const reference = readReference(absolute, spec.reference, fail);
  checkReference(spec, reference.text, fail);
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
