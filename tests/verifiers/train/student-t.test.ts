import { describe, expect, test } from "vitest";
import { studentQuantile } from "../../../verifiers/train/student-t.js";

describe("quantiles of Student's t", () => {
  // From the tables of Fisher and Yates (1938), to the digits that stand there.
  test.each([
    [0.9, 2, 1.886],
    [0.95, 5, 2.015],
    [0.975, 2, 4.303],
    [0.975, 10, 2.228],
    [0.975, 30, 2.042],
    [0.99, 4, 3.747],
    [0.995, 20, 2.845],
    [0.999, 7, 4.785],
    [0.999, 15, 3.733],
    [0.9995, 9, 4.781],
  ])("with probability %d and %d degrees of freedom: %d", (probability, freedom, tabulated) => {
    expect(studentQuantile(probability, freedom)).toBeCloseTo(tabulated, 3);
  });

  test("come down to the normal distribution's where degrees of freedom are many", () => {
    expect(studentQuantile(0.975, 100_000)).toBeCloseTo(1.96, 2);
    expect(studentQuantile(0.999, 100_000)).toBeCloseTo(3.09, 2);
  });

  test("the median is zero, and surer means farther", () => {
    expect(studentQuantile(0.5, 7)).toBeCloseTo(0, 9);
    for (const freedom of [2, 7, 63]) expect(studentQuantile(0.999, freedom)).toBeGreaterThan(studentQuantile(0.99, freedom));
  });
});
