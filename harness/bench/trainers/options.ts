import { join, resolve } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { LoadedTrainerSpec } from "../../../specs/contracts/trainer-spec.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";
import { UsageError } from "../../cli/usage-error.js";
import { packageRoot } from "../../package-root.js";

export interface TrainerBenchOptions {
  specs: LoadedTrainerSpec[];
  variants: string[];
  rounds: number;
  format: "text" | "markdown" | "json";
  /** The folder with `<spec>/<variant>/<target>/`. */
  generated: string;
  /** Code that is measured in place of what lies under `generated`. */
  trainer: string | null;
  acceptLoad: boolean;
  /** Says where a step's time goes, too. */
  profile: boolean;
  threads: number | null;
}

const declared = {
  spec: { type: "string", multiple: true },
  variant: { type: "string", multiple: true },
  rounds: { type: "string", default: "5" },
  threads: { type: "string" },
  trainer: { type: "string" },
  generated: { type: "string", default: "generated" },
  profile: { type: "boolean", default: false },
  markdown: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  "under-load": { type: "boolean", default: false },
} satisfies ParseArgsConfig["options"];

const usualSpecs = ["minicpm-tiny", "minicpm-small", "minicpm-medium"];
const known = ["f32", "bf16"];

/** Throws UsageError where an option, a name or a number is not known. */
export function parseTrainerBenchOptions(args: string[]): TrainerBenchOptions {
  const { values } = parseArgs({ args, options: declared });
  const whole = (option: string, text: string, least: number, most: number): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not ${text}`);
    return value;
  };
  for (const variant of values.variant ?? [])
    if (!known.includes(variant)) throw new UsageError(`--variant ${variant} is not known; there are: ${known.join(", ")}`);
  return {
    specs: (values.spec ?? usualSpecs).map((name) =>
      loadTrainerSpec(/\.ya?ml$/.test(name) ? name : join(packageRoot(), "specs", "models", `${name}.yaml`)),
    ),
    variants: values.variant ?? known,
    rounds: whole("--rounds", values.rounds, 5, 64),
    threads: values.threads === undefined ? null : whole("--threads", values.threads, 1, 1024),
    format: values.json ? "json" : values.markdown ? "markdown" : "text",
    generated: resolve(values.generated),
    trainer: values.trainer === undefined ? null : resolve(values.trainer),
    acceptLoad: values["under-load"],
    profile: values.profile,
  };
}
