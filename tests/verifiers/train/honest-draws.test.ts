import { expect, test } from "vitest";
import { roundToBfloat16 } from "../../../verifiers/numerics/bfloat16.js";
import { Random } from "../../../verifiers/numerics/random.js";
import { spacingAt } from "../../../verifiers/numerics/spacing.js";
import type { TrainerState } from "../../../verifiers/train/draw-state.js";
import { carriedOver, moved, shaken } from "../../../verifiers/train/honest-draws.js";
import type { Observations } from "../../../verifiers/train/observe.js";

const random = new Random("draws");
const weights = [Float32Array.from({ length: 4000 }, (_, i) => (i % 10 === 0 ? 0 : random.normal() * 10 ** random.integer(-6, 2)))];
const state: TrainerState = { weights, firstMoments: [new Float32Array(4000)], secondMoments: [new Float32Array(4000)], completedSteps: 3 };
const rest = ({ firstMoments, secondMoments, completedSteps }: TrainerState) => ({ firstMoments, secondMoments, completedSteps });

test("weights are moved to a neighbour or not at all, and nothing else is", () => {
  const other = moved(state, "a");
  expect(rest(other)).toEqual(rest(state));
  const steps = weights[0]!.map((value, i) => Math.round((other.weights[0]![i]! - value) / spacingAt(value, "f32")));
  expect(new Set(steps)).toEqual(new Set([-1, 0, 1]));
  expect(other.weights[0]!.every((value, i) => weights[0]![i] !== 0 || value === 0)).toBe(true);
  expect(moved(state, "a")).toEqual(other);
  expect(moved(state, "b")).not.toEqual(other);
});

test("weights are shaken by as much as storing them in bf16 may move them, and come to be stored otherwise", () => {
  const other = shaken(state, "a");
  expect(rest(other)).toEqual(rest(state));
  const relative = weights[0]!.map((value, i) => (value === 0 ? 0 : Math.abs(other.weights[0]![i]! / value - 1)));
  expect(Math.max(...relative)).toBeLessThanOrEqual(2 ** -8 + 2 ** -23);
  expect(Math.max(...relative)).toBeGreaterThan(0.95 * 2 ** -8);
  const storedOtherwise = weights[0]!.filter((value, i) => roundToBfloat16(value) !== roundToBfloat16(other.weights[0]![i]!));
  // A mean move of half a half of a spacing that is one to two times as wide: about a third of 3,600.
  expect(storedOtherwise.length).toBeGreaterThan(1000);
  expect(shaken(state, "a")).toEqual(other);
});

test("an error is carried over from where it was made", () => {
  const seen = (...values: number[]): Observations =>
    new Map([["loss", { stage: "forward" as const, shape: [2], rowLength: 2, values: Float64Array.from(values) }]]);
  const here = carriedOver(seen(10, 20), seen(11, 19), seen(11.5, 18.75));
  expect(here).toEqual(seen(10.5, 19.75));
});
