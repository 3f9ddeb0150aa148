import { resolve } from "node:path";
import { Ajv } from "ajv";
import { type LoadedExam, type LoadedTrainerSpec, TrainerSpec } from "../contracts/trainer-spec.js";
import { loadSpec } from "../load-spec.js";
import { readTextFile } from "../read-text-file.js";
import { readSpecFile, type SpecFormat } from "../spec-file.js";
import { checkTrainerMeaning } from "./check-trainer-meaning.js";

const format: SpecFormat<TrainerSpec> = {
  validate: new Ajv({ allErrors: true, verbose: true }).compile<TrainerSpec>(TrainerSpec),
  expected: "a trainer's spec: a YAML file of at most 1 MB",
  remedy: "check the path; specs/models/ has some to begin from",
  checkMeaning: checkTrainerMeaning,
  checkReference: () => {},
};

/** A trainer's exam and its reference. @throws SpecError */
export const loadTrainerSpec = (path: string): LoadedTrainerSpec => readSpecFile(path, format);

/** A kernel's exam or a trainer's, as the file says; what is neither is read as a kernel's, and told what is wrong with it. */
export const loadExam = (path: string): LoadedExam => (isTrainerSpec(path) ? loadTrainerSpec(path) : loadSpec(path));

function isTrainerSpec(path: string): boolean {
  const file = readTextFile(resolve(path));
  return file.status === "read" && /^format:\s*["']?forge-trainer\//m.test(file.text);
}
