import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { parse } from "yaml";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { lineDiff } from "./line-diff.js";
import { type Mutant, type SemanticMistake, semanticMistakes } from "./mutant.js";

const closed = { additionalProperties: false } as const;
const Mistake = Type.Union(semanticMistakes.map((mistake) => Type.Literal(mistake)));
const SemanticList = Type.Object(
  {
    mutants: Type.Array(
      Type.Object(
        {
          mistake: Mistake,
          name: Type.String({ minLength: 1 }),
          replace: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.String({ minLength: 1 }), Type.String()])), {
            description: "By entry: text of the reference, each found once in it, and what takes its place.",
          }),
        },
        closed,
      ),
    ),
    absent: Type.Record(Type.String(), Type.String({ minLength: 10 }), { description: "By mistake: why this operation cannot have it." }),
  },
  closed,
);
type SemanticList = Static<typeof SemanticList>;
const validate = new Ajv({ allErrors: true }).compile<SemanticList>(SemanticList);

/** A list of mutants that cannot be used: the message names file and place. */
class SemanticListError extends Error {
  override name = "SemanticListError";
}

/** LOWERED(x) in a replacement: x rounded to bf16, so that a statistic can be kept in lower precision. */
const lowered = `
static inline ACC forge_lowered(ACC value) {
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  memcpy(&single, &bits, sizeof bits);
  return (ACC)single;
}
#define LOWERED(value) forge_lowered(value)
`;
const include = '#include "forge.h"';

/** Where a spec's list of semantic mutants lies: `mutants/<name>.yaml` in the spec's folder. */
export const semanticListPath = (loaded: LoadedSpec): string => join(dirname(loaded.path), "mutants", `${loaded.spec.name}.yaml`);

/** The mutants of a spec's own list; null where it has none. Throws where the list does not fit the reference or leaves a mistake out. */
export function readSemanticList(loaded: LoadedSpec): Mutant[] | null {
  const path = semanticListPath(loaded);
  if (!existsSync(path)) return null;
  const list = parseList(path);
  const answered = new Set([...list.mutants.map(({ mistake }) => mistake), ...Object.keys(list.absent)]);
  const missing = semanticMistakes.filter((mistake) => !answered.has(mistake));
  if (missing.length > 0)
    throw new SemanticListError(
      `${path}: nothing is said of ${missing.join(", ")}: add a mutant, or say under "absent" why there can be none`,
    );
  return list.mutants.flatMap(({ mistake, name, replace }) =>
    Object.entries(replace).map(([entry, replacements]): Mutant => {
      if (!(entry in loaded.spec.entries))
        throw new SemanticListError(
          `${path}: ${name}: there is no entry ${entry}; there are ${Object.keys(loaded.spec.entries).join(", ")}`,
        );
      const text = applyReplacements(loaded.referenceText, replacements, `${path}: ${name}`);
      return {
        entry,
        kind: mistake as SemanticMistake,
        label: name,
        diff: lineDiff(loaded.referenceText, text),
        text: text.replace(include, `${include}\n${lowered}`),
      };
    }),
  );
}

function parseList(path: string): SemanticList {
  let value: unknown;
  try {
    value = parse(readFileSync(path, "utf8"), { maxAliasCount: 0 });
  } catch (error) {
    throw new SemanticListError(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (validate(value)) return value;
  const [first] = validate.errors ?? [];
  throw new SemanticListError(
    `${path}: ${first?.instancePath || "/"} ${first?.message ?? "is no list of mutants"}; known mistakes are ${semanticMistakes.join(", ")}`,
  );
}

function applyReplacements(text: string, replacements: [string, string][], whose: string): string {
  return replacements.reduce((current, [search, replacement]) => {
    const found = current.split(search).length - 1;
    if (found !== 1)
      throw new SemanticListError(
        `${whose}: ${JSON.stringify(search)} is found ${found} times in the reference, expected once; write more of the line`,
      );
    return current.replace(search, () => replacement);
  }, text);
}
