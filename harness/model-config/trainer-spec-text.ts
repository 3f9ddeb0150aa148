import type { TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { parameterCount, parametersWithoutEmbeddings } from "../../specs/trainer/model-layout.js";
import type { ModelOutline } from "./read-model-config.js";
import { trainerDefaults } from "./trainer-defaults.js";

/** What is known of a training besides its model, and where from. */
export interface KnownTraining {
  /** The line `source`, without quotes or line breaks. */
  source: string;
  optimizer: TrainerSpec["optimizer"];
  training: TrainerSpec["training"];
  recorded: TrainerSpec["recorded"];
}

/** The YAML of a trainer's spec for a model, with comments that tell what was read from what was chosen. */
export function trainerSpecText(name: string, outline: ModelOutline, known?: KnownTraining): string {
  const { className, shape, normEps, ropeBase, mup, hash } = outline;
  const { open, exam, budget, ...defaults } = trainerDefaults(outline);
  const { optimizer, training } = known ?? defaults;
  const { long_run } = exam;
  return `# yaml-language-server: $schema=../specs/schema/trainer-spec.schema.json
# The line above gives completion in editors: let it lead to specs/schema/trainer-spec.schema.json of Forge.
# What a trainer is examined on is explained in docs/trainers.md.
format: forge-trainer/1
name: ${name}
summary: Pre-training of a decoder of ${withCommas(parameterCount(shape))} parameters, ${withCommas(parametersWithoutEmbeddings(shape))} without embeddings.
source: "${known ? known.source : `config.json of a ${className}, SHA-256 ${hash}`}"
# A copy of Forge's reference-kernels/decoder.c: the plain C that says what is meant, beside this file.
reference: ${name}.c

# ${known ? "From the model's configuration." : "From config.json."}
model:
${block(shape)}
norm_eps: ${number(normEps)}
rope_base: ${number(ropeBase)}
${mup === undefined ? "# No mup: LlamaForCausalLM scales nothing." : `mup: ${flow(mup)}`}

${known ? "# Of the training that was outlined; what it did not say are defaults." : "# All below is not in config.json. These are defaults: make them those of your training."}
optimizer:
${block(optimizer)}

variants:
  f32: { store: f32, accumulate: f32 }
  bf16: { store: bf16, accumulate: f32 }

# What is profiled and benchmarked: the batch that you train with, or as much of it as one machine takes.
training: ${flow(training)}
${known?.recorded ? recordedBlock(known.recorded) : ""}
# What a trainer must take besides its own shape: hidden cases draw from these ranges, small so that the oracle can follow.
open:
${block(open)}

exam:
  hidden: ${exam.hidden}
  # The model's own shape, with few tokens.
  own: ${flow(exam.own)}
  # What is timed beside the reference, which is slow: raise it as far as your patience goes.
  timed: ${flow(exam.timed)}
  # A free run on text beside references: a small shape of the same kind, its vocabulary one of specs/models/text.
  long_run:
    shape: ${flow(long_run.shape)}
    batch: ${flow(long_run.batch)}
    steps: ${long_run.steps}
    references: ${long_run.references}

rules:
  languages: [c, c++]
  libraries: [libc, libm, openmp]

# Where \`forge goal\` is told nothing else.
budget: ${flow(budget)}
`;
}

function recordedBlock({ batch, framework, ...rest }: NonNullable<TrainerSpec["recorded"]>): string {
  return `
# What the framework that is trusted did: forge outline captured it, and found the reference to say the same.
recorded:
${block(rest)}
  batch: ${flow(batch)}
  framework: ${JSON.stringify(framework)}
`;
}

export const withCommas = (count: number): string => count.toLocaleString("en-US");

/** As people write it: 1e-6 instead of 0.000001. */
const number = (value: number): string => (value < 1e-3 ? value.toExponential() : String(value));

const scalar = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(", ")}]` : typeof value === "number" ? number(value) : String(value);

const entries = (values: object): string[] => Object.entries(values).map(([key, value]) => `${key}: ${scalar(value)}`);
const flow = (values: object): string => `{ ${entries(values).join(", ")} }`;
const block = (values: object): string =>
  entries(values)
    .map((entry) => `  ${entry}`)
    .join("\n");
