import { ModelShape, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { type ConfigFile, shortJson } from "./config-file.js";

type Size = Exclude<keyof ModelShape, "tied">;

/** What Hugging Face calls the parts of a shape. */
export const sizeFields: Record<Size, string> = {
  layers: "num_hidden_layers",
  hidden: "hidden_size",
  query_heads: "num_attention_heads",
  kv_heads: "num_key_value_heads",
  head_dim: "head_dim",
  feed_forward: "intermediate_size",
  vocabulary: "vocab_size",
};

/** A size within the limits of the spec's format. */
export function readSize(config: ConfigFile, size: Size, whenAbsent?: number): number {
  const { maximum, description } = ModelShape.properties[size];
  return readCount(config, sizeFields[size], maximum ?? Number.MAX_SAFE_INTEGER, description ?? size, whenAbsent);
}

export function readCount({ fields, fail }: ConfigFile, field: string, maximum: number, meaning: string, whenAbsent?: number): number {
  const value = fields[field] ?? whenAbsent;
  const expected = `a whole number from 1 to ${maximum}: ${meaning}`;
  if (value === undefined) return fail([], `${field} is missing`, expected, `add "${field}" with what the model has`);
  if (typeof value !== "number") return fail([field], `${field} is ${shortJson(value)}`, expected, "write a number, without quotes");
  if (!Number.isInteger(value) || value < 1 || value > maximum)
    return fail([field], `${field} is ${value}`, expected, "write what the model has");
  return value;
}

/** A number above zero; `fields` may be those of an object within the file, whose name is `within`. */
export function readPositive(
  { fields, fail }: ConfigFile,
  field: string,
  meaning: string,
  whenAbsent?: number,
  within: string[] = [],
): number {
  const value = fields[field] ?? whenAbsent;
  const { maximum } = TrainerSpec.properties.norm_eps;
  const name = [...within, field].join(".");
  const expected = `a number above 0, at most ${maximum}: ${meaning}`;
  if (value === undefined) return fail(within, `${name} is missing`, expected, `add "${field}" with what the model has`);
  const path = [...within, field];
  if (typeof value !== "number") return fail(path, `${name} is ${shortJson(value)}`, expected, "write a number, without quotes");
  if (!(value > 0 && value <= maximum!)) return fail(path, `${name} is ${value}`, expected, "write what the model has");
  return value;
}

export function readFlag({ fields, fail }: ConfigFile, field: string, meaning: string, whenAbsent: boolean): boolean {
  const value = fields[field] ?? whenAbsent;
  if (typeof value !== "boolean")
    return fail([field], `${field} is ${shortJson(value)}`, `true or false: ${meaning}`, "write one of these, without quotes");
  return value;
}
