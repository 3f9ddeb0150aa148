import { Ajv } from "ajv";
import { checkMeaning } from "./check-meaning.js";
import { checkReference } from "./check-reference.js";
import { KernelSpec, type LoadedSpec } from "./contracts/spec.js";
import { readSpecFile, type SpecFormat } from "./spec-file.js";

const format: SpecFormat<KernelSpec> = {
  validate: new Ajv({ allErrors: true, verbose: true }).compile<KernelSpec>(KernelSpec),
  expected: "a spec: a YAML file of at most 1 MB",
  remedy: "check the path; `forge init NAME` writes a new spec",
  checkMeaning,
  checkReference,
};

/** A kernel's exam and its reference. @throws SpecError */
export const loadSpec = (path: string): LoadedSpec => readSpecFile(path, format);
