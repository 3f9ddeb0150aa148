import type { Optimizer } from "../../specs/contracts/trainer-spec.js";
import { modelTensors } from "../../specs/trainer/model-layout.js";
import type { ModelOutline } from "../model-config/read-model-config.js";
import { trainerDefaults } from "../model-config/trainer-defaults.js";
import { OutlineError } from "./outline-error.js";
import type { Description } from "./run-recorder.js";

/** The parameters are those of the configuration, by name and shape. Throws OutlineError. */
export function requireParameters(from: string, { shape }: ModelOutline, { parameters }: Description): void {
  const wanted = new Map(modelTensors(shape).map((tensor) => [tensor.name, tensor.shape]));
  const advice = "name them as Hugging Face's LlamaForCausalLM does, or give the file a function rename(name)";
  for (const [name, sizes] of wanted) {
    const found = parameters[name];
    if (!found) {
      const some = Object.keys(parameters).slice(0, 4).join(", ");
      throw new OutlineError(`${from}: its model has no parameter ${name} [${sizes}]; there are ${some}, ...: ${advice}`);
    }
    if (String(found) !== String(sizes))
      throw new OutlineError(`${from}: its parameter ${name} is [${found}], by its config it is [${sizes}]: correct one of them`);
  }
  const other = Object.keys(parameters).find((name) => !wanted.has(name));
  if (other)
    throw new OutlineError(
      `${from}: its model has a parameter ${other} [${parameters[other]}], which a model of its config has not: ${advice}`,
    );
}

/** What is said of the optimizer, over the defaults. Whether the numbers make sense is found when the spec is read. Throws OutlineError. */
export function optimizerOf(from: string, model: ModelOutline, { optimizer }: Description): Optimizer {
  const defaults = trainerDefaults(model).optimizer;
  const unknown = Object.keys(optimizer).find((field) => !(field in defaults));
  if (unknown) throw new OutlineError(`${from}: its optimizer has ${unknown}; there are ${Object.keys(defaults).join(", ")}`);
  return { ...defaults, ...optimizer } as Optimizer;
}
