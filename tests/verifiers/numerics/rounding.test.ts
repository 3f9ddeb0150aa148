import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBfloat16Bits, roundToBfloat16, roundToTf32, toBfloat16Bits } from "../../../verifiers/numerics/bfloat16.js";
import { spacingAt } from "../../../verifiers/numerics/spacing.js";

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);
const floatOf = (word: number): number => {
  words[0] = word;
  return floats[0]!;
};
const wordOf = (value: number): number => {
  floats[0] = value;
  return words[0]!;
};
const anyFloat = fc.integer({ min: 0, max: 0xffffffff }).map((word) => floatOf(word >>> 0));
const finiteFloat = anyFloat.filter(Number.isFinite);

/** Every finite bfloat16 from 0 up. */
const positives = Array.from({ length: 0x7f80 }, (_, word) => fromBfloat16Bits(word));

/** The nearest of all bfloat16 numbers, found by looking; ties go to the even word. */
function nearestByLooking(value: number): number {
  const magnitude = Math.abs(value);
  let low = 0;
  let high = positives.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (positives[middle]! <= magnitude) low = middle;
    else high = middle;
  }
  const below = magnitude - positives[low]!;
  const above = positives[high]! - magnitude;
  const word = below < above || (below === above && low % 2 === 0) ? low : high;
  return (value < 0 ? -1 : 1) * positives[word]!;
}

describe("bfloat16", () => {
  test("every one of the 65536 words survives the way to a number and back, but for NaNs, which become quiet", () => {
    for (let word = 0; word < 65536; word++) {
      const value = fromBfloat16Bits(word);
      if (Number.isNaN(value)) expect(toBfloat16Bits(value) & 0x7fc0).toBe(0x7fc0);
      else expect(toBfloat16Bits(value)).toBe(word);
    }
  });

  test("the middle between two neighbours goes to the even one, and what lies a float beside it to the nearer", () => {
    for (let word = 0; word < 0x7f7f; word++) {
      const middle = floatOf(((word << 16) | 0x8000) >>> 0);
      expect(toBfloat16Bits(middle)).toBe(word % 2 === 0 ? word : word + 1);
      expect(toBfloat16Bits(floatOf((wordOf(middle) - 1) >>> 0))).toBe(word);
      expect(toBfloat16Bits(floatOf((wordOf(middle) + 1) >>> 0))).toBe(word + 1);
    }
  });

  test("rounding agrees with looking for the nearest", () => {
    const largest = positives.at(-1)!;
    fc.assert(
      fc.property(
        finiteFloat.filter((value) => Math.abs(value) <= largest),
        (value) => Math.abs(roundToBfloat16(value)) === Math.abs(nearestByLooking(value)),
      ),
      { numRuns: 5000 },
    );
  });

  test("beyond the largest lies infinity", () => {
    expect(roundToBfloat16(floatOf(0x7f7f7fff))).toBe(positives.at(-1));
    expect(roundToBfloat16(floatOf(0x7f7f8000))).toBe(Number.POSITIVE_INFINITY);
    expect(roundToBfloat16(-Infinity)).toBe(-Infinity);
  });
});

test("TF32 keeps ten bits of mantissa and moves a value by half a unit of them at most", () => {
  fc.assert(
    fc.property(
      finiteFloat.filter((value) => Math.abs(value) > 1e-30 && Math.abs(value) < 1e30),
      (value) => {
        const rounded = roundToTf32(value);
        expect(wordOf(rounded) & 0x1fff).toBe(0);
        expect(Math.abs(rounded - value)).toBeLessThanOrEqual((spacingAt(value, "f32") * 2 ** 13) / 2);
      },
    ),
  );
});

describe("spacing", () => {
  const neighbourAbove = (value: number): number => floatOf(wordOf(Math.abs(value)) + 1);

  test("is the distance to the next float32 away from zero, subnormals included", () => {
    fc.assert(
      fc.property(
        finiteFloat.filter((value) => Math.abs(value) < 3.4e38),
        (value) => spacingAt(value, "f32") === neighbourAbove(value) - Math.abs(value),
      ),
      { numRuns: 5000 },
    );
  });

  test("is the distance to the next bfloat16, for every one of them", () => {
    for (let word = 0; word + 1 < positives.length; word++)
      expect(spacingAt(positives[word]!, "bf16")).toBe(positives[word + 1]! - positives[word]!);
  });

  test("of float64 is that of the language", () => {
    expect(spacingAt(1, "f64")).toBe(Number.EPSILON);
    expect(spacingAt(-1.99, "f64")).toBe(Number.EPSILON);
    expect(spacingAt(2, "f64")).toBe(2 * Number.EPSILON);
    expect(spacingAt(0, "f64")).toBe(Number.MIN_VALUE);
  });
});
