import { readTextFile } from "../../specs/read-text-file.js";
import { type Fail, SpecError } from "../../specs/spec-error.js";
import { parseYaml } from "../../specs/yaml-source.js";

/** A model's config.json: what it says, and a way to fail at the place that says it. */
export interface ConfigFile {
  text: string;
  fields: Record<string, unknown>;
  fail: Fail;
}

/** Reads JSON, of which YAML knows the places. Throws SpecError. */
export function readConfigFile(path: string): ConfigFile {
  const expected = "the config.json of a Hugging Face model: one JSON object of at most 1 MB";
  const file = readTextFile(path);
  if (file.status === "unreadable")
    throw new SpecError({ file: path, line: 1, column: 1, problem: file.problem, expected, remedy: "name the file config.json itself" });
  const { text } = file;
  const value = parseJson(text, path, expected);
  const { fail } = parseYaml(text, path);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return fail([], `it holds ${shortJson(value)}`, expected, "name the config.json that lies beside the weights");
  return { text, fields: value as Record<string, unknown>, fail };
}

function parseJson(text: string, path: string, expected: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SpecError({
      file: path,
      ...placeOf(message, text),
      problem: `not valid JSON: ${message}`,
      expected,
      remedy: "correct the syntax",
    });
  }
}

/** Node names the place of some mistakes only. */
function placeOf(message: string, text: string): { line: number; column: number } {
  const offset = message.includes("end of JSON") ? text.length : Number(/at position (\d+)/.exec(message)?.[1] ?? 0);
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

export function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
