import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { publishedSchema } from "../../specs/published-schema.js";

const page = readFileSync("docs/spec.md", "utf8");

/** All keys and fixed words of the schema, wherever they stand. */
function wordsOf(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== "object" || schema === null) return found;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "properties") for (const name of Object.keys(value as object)) found.add(name);
    if (key === "const") found.add(String(value));
    wordsOf(value, found);
  }
  return found;
}

it("docs/spec.md explains every key and every word of the schema", () => {
  const missing = [...wordsOf(JSON.parse(publishedSchema()))].filter(
    (word) => !new RegExp(`(?<![\\w-])${word.replace(/\+/g, "\\+")}(?![\\w-])`).test(page),
  );
  expect(missing).toEqual([]);
});

it("docs/spec.md names every macro of forge.h that a reference may use", () => {
  const macros = [...readFileSync("reference-kernels/forge.h", "utf8").matchAll(/^#define ([A-Z]+)\(/gm)].map((match) => match[1]!);
  expect(macros.length).toBeGreaterThan(8);
  expect(macros.filter((macro) => !page.includes(macro))).toEqual([]);
});
