import { describe, expect, test } from "vitest";
import type { ModelShape } from "../../../specs/contracts/trainer-spec.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";
import { elementsOf, modelTensors, parameterCount } from "../../../specs/trainer/model-layout.js";
import { modelFlops } from "../../../specs/trainer/step-work.js";

const { spec } = loadTrainerSpec("specs/models/minicpm-tiny.yaml");
const small: ModelShape = {
  layers: 2,
  hidden: 10,
  query_heads: 6,
  kv_heads: 3,
  head_dim: 4,
  feed_forward: 7,
  vocabulary: 11,
  tied: false,
};

describe("the layout of a model", () => {
  test("counts parameters, a tied head once", () => {
    expect(parameterCount(spec.model)).toBe(3_803_392);
    expect(parameterCount({ ...spec.model, tied: false })).toBe(3_803_392 + 4096 * 256);
    const perLayer = 2 * 10 + 2 * 24 * 10 + 2 * 12 * 10 + 3 * 7 * 10;
    expect(parameterCount(small)).toBe(2 * 11 * 10 + 2 * perLayer + 10);
  });

  test("numbers tensors as forge_trainer.h does", () => {
    const tensors = modelTensors(small);
    expect(tensors).toHaveLength(1 + 2 * 9 + 2);
    expect(tensors[0]).toEqual({ name: "model.embed_tokens.weight", shape: [11, 10] });
    expect(tensors[1 + 9 + 2]).toEqual({ name: "model.layers.1.self_attn.k_proj.weight", shape: [12, 10] });
    expect(tensors[1 + 8]).toEqual({ name: "model.layers.0.mlp.down_proj.weight", shape: [10, 7] });
    expect(tensors[1 + 18]).toEqual({ name: "model.norm.weight", shape: [10] });
    expect(tensors.at(-1)).toEqual({ name: "lm_head.weight", shape: [11, 10] });
    expect(modelTensors({ ...small, tied: true }).at(-1)!.name).toBe("model.norm.weight");
    expect(new Set(tensors.map(({ name }) => name)).size).toBe(tensors.length);
    expect(elementsOf(tensors[0]!)).toBe(110);
  });
});

describe("FLOPs of a step", () => {
  /** Multiplications and additions of every product of a step, one by one, attention over the causal half. */
  function countProducts(
    { layers, hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary }: ModelShape,
    length: number,
  ): number {
    const product = (rows: number, inner: number, columns: number) => 2 * rows * inner * columns;
    const attention = (query_heads * 2 * product(length, head_dim, length)) / 2;
    const layer =
      product(length, hidden, query_heads * head_dim) +
      2 * product(length, hidden, kv_heads * head_dim) +
      product(length, query_heads * head_dim, hidden) +
      3 * product(length, hidden, feed_forward) +
      attention;
    return 3 * (layers * layer + product(length, hidden, vocabulary));
  }

  test.each([
    ["minicpm-tiny", spec.model, 256],
    ["a small model", small, 5],
  ])("of %s are those of its products, forward once and backward twice", (_, shape, length) => {
    expect(modelFlops(shape, { micro_batches: 1, batch: 1, length })).toBe(countProducts(shape, length));
  });

  test("grow with sequences and micro-batches", () => {
    const one = modelFlops(spec.model, { micro_batches: 1, batch: 1, length: 64 });
    expect(modelFlops(spec.model, { micro_batches: 3, batch: 4, length: 64 })).toBe(12 * one);
  });

  test("of the timed step of minicpm-tiny are some 25 billion", () => {
    expect(modelFlops(spec.model, spec.training)).toBeCloseTo(2.496e10, -8);
  });
});
