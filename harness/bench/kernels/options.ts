import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { LoadedSpec } from "../../../specs/contracts/spec.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { UsageError } from "../../cli/usage-error.js";
import { packageRoot } from "../../package-root.js";
import { targetNames } from "../../targets.js";

export interface KernelBenchOptions {
  specs: LoadedSpec[];
  /** Null: all that a spec has. */
  variants: string[] | null;
  targets: string[];
  rounds: number;
  format: "text" | "markdown" | "json";
  /** The folder with `<spec>/<variant>/<target>/`. */
  generated: string;
  /** Figures are wanted even while others use the machine; rows say so. */
  acceptLoad: boolean;
}

const declared = {
  spec: { type: "string", multiple: true },
  variant: { type: "string", multiple: true },
  target: { type: "string", multiple: true },
  rounds: { type: "string", default: "12" },
  markdown: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  generated: { type: "string", default: "generated" },
  specs: { type: "string", default: join(packageRoot(), "specs", "kernels") },
  "under-load": { type: "boolean", default: false },
} satisfies ParseArgsConfig["options"];

const fewestRounds = 5;
const mostRounds = 64;

/** Throws UsageError where an option, a name or a number is not known. */
export function parseKernelBenchOptions(args: string[]): KernelBenchOptions {
  const values = parse(args);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < fewestRounds || rounds > mostRounds)
    throw new UsageError(`--rounds takes a whole number from ${fewestRounds} to ${mostRounds}, not ${values.rounds}`);
  const specs = loadSpecs(resolve(values.specs));
  const targets = requireNames("--target", values.target, targetNames);
  const known = [...new Set(specs.flatMap(({ spec }) => Object.keys(spec.variants)))];
  const names = requireNames(
    "--spec",
    values.spec,
    specs.map(({ spec }) => spec.name),
  );
  return {
    specs: specs.filter(({ spec }) => names.includes(spec.name)),
    variants: values.variant ? requireNames("--variant", values.variant, known) : null,
    targets,
    rounds,
    format: values.json ? "json" : values.markdown ? "markdown" : "text",
    generated: resolve(values.generated),
    acceptLoad: values["under-load"],
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: declared }).values;
  } catch (error) {
    const options = Object.keys(declared).map((name) => `--${name}`);
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}. forge bench kernels takes ${options.join(", ")}`);
  }
}

function loadSpecs(folder: string): LoadedSpec[] {
  const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  if (files.length === 0) throw new UsageError(`${folder} has no specs (*.yaml)`);
  return files.sort().map((name) => loadSpec(join(folder, name)));
}

function requireNames(option: string, asked: string[] | undefined, known: string[]): string[] {
  for (const name of asked ?? [])
    if (!known.includes(name)) throw new UsageError(`${option} ${name} is not known; there are: ${known.join(", ")}`);
  return asked ?? known;
}
