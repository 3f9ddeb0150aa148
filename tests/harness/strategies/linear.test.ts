import { describe, expect, it } from "vitest";
import { linear } from "../../../harness/strategies/linear.js";
import { attempt, view } from "./sample-view.js";

describe("linear", () => {
  it("leaves the workspace alone until something has passed", () => {
    expect(linear.next(0, view([attempt(1, 0, null), attempt(2, 0, null)], [0]))).toEqual({ base: null, text: null });
  });

  it("stays at what is the best", () => {
    expect(linear.next(0, view([attempt(1, 0, 0.9), attempt(2, 0, 1.5)], [0]))).toEqual({ base: null, text: null });
  });

  it.each([
    { newest: attempt(3, 0, null), why: "Attempt 3 failed" },
    { newest: attempt(3, 0, 1.2), why: "Attempt 3 is not better" },
    { newest: attempt(3, 0, 1.5), why: "Attempt 3 is not better" },
  ])("goes back to the best: $why", ({ newest, why }) => {
    const placement = linear.next(0, view([attempt(1, 0, 0.9), attempt(2, 0, 1.5), newest], [0]));
    expect(placement).toEqual({ base: 2, text: `${why}: the workspace is back at attempt 2 (1.50x the baseline), the best so far.` });
  });

  it("what surpassed goes before what passed, whatever its ratio", () => {
    const noisy = attempt(1, 0, 1.4);
    noisy.verdict.outcome = "passed";
    expect(linear.next(0, view([noisy, attempt(2, 0, 1.1), attempt(3, 0, null)], [0]))).toMatchObject({ base: 2 });
  });
});
