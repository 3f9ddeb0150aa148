import { cannotSay } from "./config-demands.js";
import { readPositive } from "./config-fields.js";
import { type ConfigFile, shortJson } from "./config-file.js";

/** What both classes take where a file, older than the field, does not say. */
const defaultBase = 10_000;
const meaning = "base of the rotary frequencies";

/** The rotary base, at the top of the file or, since transformers 5, in `rope_parameters`. Any scaling of positions is refused. */
export function readRopeBase(config: ConfigFile): number {
  const inside = ["rope_parameters", "rope_scaling"].map((name) => readUnscaled(config, name)).find((base) => base !== null);
  if (inside === undefined) return readPositive(config, "rope_theta", meaning, defaultBase);
  const top = readPositive(config, "rope_theta", meaning, inside);
  if (top !== inside)
    config.fail(
      ["rope_theta"],
      `rope_theta is ${top}, and ${inside} inside`,
      "one base",
      "delete the one that the model was not trained with",
    );
  return top;
}

/** The base that an object of rotary parameters names; null where there is no such object, or no base in it. */
function readUnscaled({ text, fields, fail }: ConfigFile, name: string): number | null {
  const value = fields[name] ?? null;
  if (value === null) return null;
  if (typeof value !== "object" || Array.isArray(value))
    return fail([name], `${name} is ${shortJson(value)}`, "an object, or null", "write what the model has");
  const parameters = value as Record<string, unknown>;
  for (const [key, found] of Object.entries(parameters)) {
    const isPlain =
      key === "rope_theta" ||
      found === null ||
      (["rope_type", "type"].includes(key) && found === "default") ||
      (["partial_rotary_factor", "factor"].includes(key) && found === 1);
    if (!isPlain)
      return fail(
        [name, key],
        `${name}.${key} is ${shortJson(found)}`,
        'rope_type "default" and nothing but rope_theta beside it: positions are not scaled',
        cannotSay,
      );
  }
  return (parameters.rope_theta ?? null) === null
    ? null
    : readPositive({ text, fields: parameters, fail }, "rope_theta", meaning, undefined, [name]);
}
