import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { stringify } from "yaml";
import type { LoadedSpec, Sizes } from "../../specs/contracts/spec.js";
import { loadSpec } from "../../specs/load-spec.js";

/**
 * The exam of an operation as a trainer calls it: the shipped one, timed at the trainer's own sizes. It and a copy of its reference lie in
 * `folder`, so that the goal's run and certificate name files that stay with the run.
 */
export function writeOperationExam(shipped: LoadedSpec, timed: Sizes[], folder: string): LoadedSpec {
  mkdirSync(folder, { recursive: true });
  const reference = basename(shipped.referencePath);
  writeFileSync(join(folder, reference), shipped.referenceText, { flush: true });
  const { spec } = shipped;
  const path = join(folder, `${spec.name}.yaml`);
  writeFileSync(path, stringify({ ...spec, reference, cases: { ...spec.cases, timed } }), { flush: true });
  return loadSpec(path);
}
