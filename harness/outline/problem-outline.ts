import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Sizes } from "../../specs/contracts/spec.js";
import { loadSpec } from "../../specs/load-spec.js";
import { packageRoot } from "../package-root.js";
import { chooseSizes } from "./kernelbench/choose-sizes.js";
import { problemSpecText } from "./kernelbench/problem-spec-text.js";
import type { TranslatedProblem } from "./kernelbench/translated-problem.js";
import { OutlineError } from "./outline-error.js";
import { runPython } from "./run-python.js";

export interface ProblemRequest {
  /** A KernelBench problem, unchanged. */
  file: string;
  name: string;
  /** Where spec and reference go; nothing there is overwritten. */
  folder: string;
  /** Numbers of the problem's top level to take in place of its own; of a size that may vary, where it is timed. */
  sizes: Record<string, number>;
  /** Numbers that cannot vary are halved while the module can be built, and shapes follow: a small exam of a large problem. */
  small: boolean;
  signal: AbortSignal;
}

export interface ProblemOutline {
  spec: string;
  files: string[];
  problem: TranslatedProblem;
  timed: Sizes;
}

/** Whether this is a problem of KernelBench's and no trainer's reference model. */
export function isProblemFile(file: string): boolean {
  if (!existsSync(file)) return false;
  const text = readFileSync(file, "utf8");
  return /^class Model\b/m.test(text) && /^def get_inputs\b/m.test(text) && /^def get_init_inputs\b/m.test(text);
}

/**
 * Sets a kernel's exam from a KernelBench problem: its module, exported as PyTorch's operations, becomes the plain C reference, which must say the
 * same as the module in float64. Only then a spec is written. Throws OutlineError, SpecError.
 */
export async function outlineProblem(request: ProblemRequest): Promise<ProblemOutline> {
  const { file, name, folder, sizes, small, signal } = request;
  const files = { spec: `${name}.yaml`, reference: `${name}.c` };
  for (const written of Object.values(files))
    if (existsSync(join(folder, written)))
      throw new OutlineError(`${join(folder, written)} exists and is not overwritten: choose another --into`);
  const entry = name.replaceAll("-", "_");
  const problem = await runPython<TranslatedProblem>({
    script: join("kernelbench", "outline_problem.py"),
    request: { file, name: entry, sizes, small, forge_h: join(packageRoot(), "reference-kernels") },
    about: file,
    signal,
  });
  const chosen = chooseSizes(file, problem, sizes);
  mkdirSync(dirname(join(folder, files.spec)), { recursive: true });
  const draft = mkdtempSync(join(folder, ".draft-"));
  try {
    writeFileSync(
      join(draft, files.spec),
      problemSpecText({ name, entry, from: basename(file), reference: files.reference, problem, chosen }),
    );
    writeFileSync(join(draft, files.reference), problem.text);
    loadSpec(join(draft, files.spec));
    for (const written of Object.values(files)) renameSync(join(draft, written), join(folder, written));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  const written = Object.values(files).map((path) => join(folder, path));
  return { spec: join(folder, files.spec), files: written, problem, timed: chosen.timed };
}
