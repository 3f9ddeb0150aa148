import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawTextBatch } from "../../../verifiers/train/draw-text-batch.js";

/** Every token is its own place, so that a window tells where it was taken. */
const places = Uint16Array.from({ length: 500 }, (_, place) => place);

describe("a batch of text", () => {
  test("lies within the text, and each target is the token that follows", () => {
    const shape = fc.record({
      micro_batches: fc.integer({ min: 1, max: 3 }),
      batch: fc.integer({ min: 1, max: 4 }),
      length: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(shape, fc.string(), fc.nat(1000), fc.integer({ min: 1, max: 40 }), (size, seed, step, spare) => {
        const text = places.subarray(0, size.length + spare);
        const { tokens, targets, shape: kept } = drawTextBatch(text, size, seed, step);
        expect(kept).toEqual(size);
        expect([tokens.length, targets.length]).toEqual(Array(2).fill(size.micro_batches * size.batch * size.length));
        for (const [index, token] of tokens.entries()) {
          expect(targets[index]).toBe(token + 1);
          expect(targets[index]).toBeLessThan(text.length);
          if (index % size.length > 0) expect(token).toBe(tokens[index - 1]! + 1);
        }
      }),
    );
  });

  test("can be any window, the first and the last among them", () => {
    const { tokens } = drawTextBatch(places.subarray(0, 12), { micro_batches: 10, batch: 50, length: 4 }, "all", 0);
    const starts = new Set(tokens.filter((_, index) => index % 4 === 0));
    expect([...starts].sort((left, right) => left - right)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("is the same for the same seed and step, and another for another", () => {
    const drawn = (seed: string, step: number) => drawTextBatch(places, { micro_batches: 2, batch: 2, length: 16 }, seed, step);
    expect(drawn("a", 3)).toEqual(drawn("a", 3));
    expect(drawn("a", 3)).not.toEqual(drawn("a", 4));
    expect(drawn("a", 3)).not.toEqual(drawn("b", 3));
  });

  test("is refused where the text is too short for it", () => {
    const draw = () => drawTextBatch(places.subarray(0, 8), { micro_batches: 1, batch: 1, length: 8 }, "short", 0);
    expect(draw).toThrow("a text of 8 tokens is too short for sequences of 8");
  });
});
