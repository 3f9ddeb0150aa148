import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { readTextFile } from "../../specs/read-text-file.js";
import { failOnSchema } from "../../specs/schema-problem.js";
import { SpecError } from "../../specs/spec-error.js";
import { parseYaml } from "../../specs/yaml-source.js";
import { shippedFile } from "../shipped-file.js";
import type { TokenUsage } from "./model.js";

const dollars = (description: string) => Type.Number({ minimum: 0, description });
const rates = {
  input: dollars("US dollars per million tokens that no cache served"),
  output: dollars("US dollars per million tokens, thinking included"),
  cache_read: dollars("US dollars per million tokens read from the cache"),
  cache_write: dollars("US dollars per million tokens written to the cache"),
};

const ModelPrice = Type.Object(
  {
    ...rates,
    context_tokens: Type.Optional(Type.Integer({ minimum: 1, description: "what fits into a request with its answer" })),
    long_prompt: Type.Optional(
      Type.Object({ above_tokens: Type.Integer({ minimum: 1, description: "longest prompt at the ordinary rates" }), ...rates }, closed()),
    ),
    source: Type.String({ minLength: 1, description: "where the price is published" }),
    as_of: Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "day on which it was read, as 2026-01-31" }),
  },
  closed(),
);
const PriceFile = Type.Object({ prices: Type.Record(Type.String({ pattern: "^\\S+$" }), ModelPrice) }, closed());

export type ModelPrice = Static<typeof ModelPrice>;
/** Prices by the provider's own name of the model. */
export type PriceTable = Record<string, ModelPrice>;

const validate = new Ajv({ allErrors: true, verbose: true }).compile<Static<typeof PriceFile>>(PriceFile);

function closed() {
  return { additionalProperties: false };
}

/**
 * Forge's price table, with the rows of the user's own file, if any, in place of its rows.
 * @throws SpecError with file, line, column and what to do
 */
export function loadPrices(ownFile?: string): PriceTable {
  const builtIn = readPrices(shippedFile("models", "prices.yaml"));
  return ownFile === undefined ? builtIn : { ...builtIn, ...readPrices(ownFile) };
}

/** US dollars for one request; null where the model's price is unknown. Sums of requests miss the rates for long prompts. */
export function costOf(model: string, usage: TokenUsage, prices: PriceTable): number | null {
  const price = priceOf(model, prices);
  if (price === null) return null;
  const { input, output, cacheRead, cacheWrite } = usage;
  const long = price.long_prompt;
  const rate = long !== undefined && input + cacheRead + cacheWrite > long.above_tokens ? long : price;
  return (input * rate.input + output * rate.output + cacheRead * rate.cache_read + cacheWrite * rate.cache_write) / 1e6;
}

/** The row of a model, or of the model that it is a dated snapshot of (claude-haiku-4-5-20251001, gpt-5-2025-08-07). */
export function priceOf(model: string, prices: PriceTable): ModelPrice | null {
  const undated = model.replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2})$/, "");
  for (const name of [model, undated]) if (Object.hasOwn(prices, name)) return prices[name]!;
  return null;
}

function readPrices(path: string): PriceTable {
  const file = readTextFile(path);
  if (file.status === "unreadable")
    throw new SpecError({
      file: path,
      line: 1,
      column: 1,
      problem: file.problem,
      expected: "a price table: a YAML file of at most 1 MB",
      remedy: "check the path, or copy agents/models/prices.yaml and edit it",
    });
  const { value, fail } = parseYaml(file.text, path);
  if (!validate(value)) return failOnSchema(validate.errors ?? [], value, fail);
  return (value as Static<typeof PriceFile>).prices;
}

/** The table stands among the sources, whether this runs from them or from `dist/`. */
