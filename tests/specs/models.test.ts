import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { parameterCount, parametersWithoutEmbeddings } from "../../specs/trainer/model-layout.js";
import { publishedTrainerSchema } from "../../specs/trainer/published-trainer-schema.js";

/** Of published models as their cards say; with muP where the model has it, and the widths of queries and of the residual stream. */
const models = {
  "minicpm-tiny": { all: 3_803_392, withoutEmbeddings: 2_754_816, isScaled: true, widths: [256, 256] },
  "minicpm-small": { all: 30_417_408, withoutEmbeddings: 22_028_800, isScaled: true, widths: [512, 512] },
  "minicpm-medium": { all: 132_926_208, withoutEmbeddings: 82_594_560, isScaled: false, widths: [768, 768] },
  "minicpm4-0.5b": { all: 433_873_920, withoutEmbeddings: 358_663_168, isScaled: true, widths: [1024, 1024] },
  "minicpm5-1b": { all: 1_080_632_832, withoutEmbeddings: 679_552_512, isScaled: false, widths: [2048, 1536] },
};
const path = (name: string) => `specs/models/${name}.yaml`;

it("every model of specs/models/ stands here", () => {
  const files = readdirSync("specs/models").filter((file) => file.endsWith(".yaml"));
  expect(files.sort()).toEqual(
    Object.keys(models)
      .map((name) => `${name}.yaml`)
      .sort(),
  );
});

describe.each(Object.entries(models))("%s", (name, { all, withoutEmbeddings, isScaled, widths }) => {
  const { spec, text } = loadTrainerSpec(path(name));

  it("has its name, its size and its scales", () => {
    const { query_heads, head_dim, hidden } = spec.model;
    expect(spec.name).toBe(name);
    expect(parameterCount(spec.model)).toBe(all);
    expect(parametersWithoutEmbeddings(spec.model)).toBe(withoutEmbeddings);
    expect(spec.mup !== undefined).toBe(isScaled);
    expect([query_heads * head_dim, hidden]).toEqual(widths);
  });

  it("trains freely on text that Forge has, in a shape of its own kind", () => {
    const { shape, batch } = spec.exam.long_run;
    expect(shape.vocabulary).toBe(4096);
    expect(shape.tied).toBe(spec.model.tied);
    expect(shape.query_heads * shape.head_dim > shape.hidden).toBe(spec.model.query_heads * spec.model.head_dim > spec.model.hidden);
    expect(parameterCount(shape)).toBeLessThan(1_000_000);
    expect(batch.batch * batch.length).toBeLessThanOrEqual(128);
  });

  it("has KV heads in hidden cases that serve as many query heads as its own do", () => {
    const [low, high] = spec.open.group;
    const group = spec.model.query_heads / spec.model.kv_heads;
    expect(low <= group && group <= high).toBe(true);
  });

  it("is completed in editors by the published schema", () => {
    expect(text.startsWith("# yaml-language-server: $schema=../schema/trainer-spec.schema.json\n")).toBe(true);
  });
});

it("the schema is published for editors as it stands", () => {
  expect(readFileSync("specs/schema/trainer-spec.schema.json", "utf8"), "run npm run schema").toBe(publishedTrainerSchema());
});
