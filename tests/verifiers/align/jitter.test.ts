import fc from "fast-check";
import { expect, test } from "vitest";
import { jitterInputs } from "../../../verifiers/align/jitter.js";
import { spacingAt } from "../../../verifiers/numerics/spacing.js";
import { fromDoubles } from "../../../verifiers/numerics/tensor.js";

const anyFloat = fc.float({ noNaN: true }).map(Math.fround);

test("jitter moves a float32 to a neighbour at most; zeros, infinities and integers stay", () => {
  fc.assert(
    fc.property(fc.array(anyFloat, { minLength: 1, maxLength: 60 }), fc.string(), (values, seed) => {
      const inputs = { x: fromDoubles("f32", [values.length], values), target: fromDoubles("i32", [2], [-100, 7]) };
      const { x, target } = jitterInputs(inputs, seed);
      expect(target).toBe(inputs.target);
      for (const [i, before] of inputs.x.data.entries()) {
        const after = x!.data[i]!;
        if (before === 0 || !Number.isFinite(before)) expect(after).toBe(before);
        else {
          expect(Math.abs(after - before)).toBeLessThanOrEqual(spacingAt(before, "f32"));
          expect(Math.sign(after)).toBe(Math.sign(before));
        }
      }
    }),
  );
});

test("jitter moves about half of the values, as often up as down, and no draw is like another", () => {
  const inputs = { x: fromDoubles("f32", [4000], new Float64Array(4000).fill(1.5)) };
  const moved = jitterInputs(inputs, "a").x!.data.map((value) => Math.sign(value - 1.5));
  const count = (direction: number) => moved.filter((value) => value === direction).length;
  for (const direction of [-1, 1]) expect(Math.abs(count(direction) - 1000)).toBeLessThan(150);
  expect(jitterInputs(inputs, "b").x!.data).not.toEqual(jitterInputs(inputs, "a").x!.data);
});
