import type { ErrorObject } from "ajv";
import { renameAdvice } from "./nearest-name.js";
import { resolveUnions } from "./schema-union.js";
import { type Fail, type SpecPath, showPath } from "./spec-error.js";

interface Problem {
  path: SpecPath;
  problem: string;
  expected: string;
  remedy: string;
  at: "key" | "value";
  /** Larger is reported first. */
  weight: number;
}

function pathOf(instancePath: string, value: unknown): SpecPath {
  const path: SpecPath = [];
  let node = value;
  for (const step of instancePath.split("/").slice(1)) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    path.push(Array.isArray(node) ? Number(name) : name);
    node = (node as Record<string, unknown> | undefined)?.[name];
  }
  return path;
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function describe(error: ErrorObject, value: unknown): Problem {
  const path = pathOf(error.instancePath, value);
  const name = showPath(path);
  const schema = (error.parentSchema ?? {}) as { description?: string; properties?: object; patternProperties?: object };
  const about = schema.description === undefined ? "" : ` (${schema.description})`;
  const depth = path.length;
  const at = "value" as const;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(error.params.additionalProperty);
      const patterns = Object.keys(schema.patternProperties ?? {});
      if (patterns.length > 0)
        return {
          path: [...path, key],
          problem: `"${key}" cannot be a name in ${name}`,
          expected: `a name that matches ${patterns[0]}`,
          remedy: "use lower-case letters, digits and the joining character shown, and begin with a letter; macros are in capitals",
          at: "key",
          weight: 100 + depth,
        };
      const known = Object.keys(schema.properties ?? {});
      const remedy = renameAdvice(key, known, "remove the key");
      return {
        path: [...path, key],
        problem: `unknown key "${key}" in ${name}`,
        expected: `one of ${known.join(", ")}`,
        remedy,
        at: "key",
        weight: 100 + depth,
      };
    }
    case "required": {
      const key = String(error.params.missingProperty);
      const property = (schema.properties as Record<string, { description?: string }> | undefined)?.[key];
      const meaning = property?.description === undefined ? "" : `: ${property.description}`;
      return {
        path,
        problem: `${name} lacks the key "${key}"`,
        expected: `${key}${meaning}`,
        remedy: `add "${key}:" here`,
        at: "key",
        weight: depth,
      };
    }
    case "enum": {
      const allowed = (error.params.allowedValues as unknown[]).map(String);
      const remedy = renameAdvice(String(error.data), allowed, "choose one of these");
      return { path, problem: `${name} is ${shortJson(error.data)}`, expected: `one of ${allowed.join(", ")}`, remedy, at, weight: depth };
    }
    case "const":
      return {
        path,
        problem: `${name} is ${shortJson(error.data)}`,
        expected: shortJson(error.params.allowedValue),
        remedy: "write the value expected",
        at,
        weight: depth,
      };
    case "pattern":
      return {
        path,
        problem: `${name} is ${shortJson(error.data)}`,
        expected: `text that matches ${error.params.pattern}${about}`,
        remedy: "choose another name",
        at,
        weight: depth,
      };
    case "type":
      return {
        path,
        problem: `${name} is ${error.data === null ? "empty" : shortJson(error.data)}`,
        expected: `${({ object: "a mapping (key: value)", array: "a list ([a, b])", string: "text", number: "a number", integer: "a whole number", boolean: "true or false" } as Record<string, string>)[String(error.params.type)] ?? error.params.type}${about}`,
        remedy: "write a value of that kind",
        at,
        weight: depth,
      };
    default:
      return {
        path,
        problem: `${name} is ${shortJson(error.data)}`,
        expected: `a value that ${error.message ?? error.keyword}${about}`,
        remedy: "change it to fit",
        at,
        weight: depth,
      };
  }
}

/** Reports the error that most likely is the cause of the others: a misspelt key first, else the deepest. */
export function failOnSchema(errors: ErrorObject[], value: unknown, fail: Fail): never {
  const problems = resolveUnions(errors).map((error) => describe(error, value));
  const worst = problems.reduce((left, right) => (right.weight > left.weight ? right : left));
  const others = new Set(problems.map(({ path }) => showPath(path))).size - 1;
  const more = others > 0 && worst.at === "value" ? `; then look at ${others} more place${others > 1 ? "s" : ""}` : "";
  return fail(worst.path, worst.problem, worst.expected, worst.remedy + more, worst.at);
}
