import { describe, expect, it } from "vitest";
import type { SpeedFigure, Verdict } from "../../specs/contracts/verdict.js";
import { figuresOf, isAccepted, speedUp, speedUpOf } from "../../specs/verdict-speed.js";

const figure = (ratio: number, low: number, high: number) => ({ entry: "scale", ratio, low, high }) as SpeedFigure;
const verdictOf = (outcome: Verdict["outcome"], checks: unknown[]) => ({ outcome, checks }) as unknown as Verdict;

describe("the speed-up of a verdict", () => {
  it("is the geometric mean of ratios and of the ends of their intervals", () => {
    const all = speedUp([figure(2, 1, 4), figure(8, 4, 16)])!;
    expect(all.ratio).toBeCloseTo(4, 12);
    expect(all.low).toBeCloseTo(2, 12);
    expect(all.high).toBeCloseTo(8, 12);
    expect(speedUp([])).toBeNull();
  });

  it("is the confirmation's where there is one, the measurement's before it otherwise, and null where nothing was timed", () => {
    const speed = { check: "speed", status: "passed", figures: [figure(3, 2, 4)] };
    const confirmation = { check: "confirmation", status: "passed", figures: [figure(2, 1.5, 2.5)] };
    const untimed = { check: "confirmation", status: "skipped", reason: "nothing to confirm" };
    expect(speedUpOf(verdictOf("surpassed", [speed, confirmation]))?.ratio).toBeCloseTo(2, 12);
    expect(speedUpOf(verdictOf("passed", [speed, untimed]))?.ratio).toBeCloseTo(3, 12);
    expect(figuresOf(verdictOf("failed", [{ check: "build", status: "failed", evidence: [] }]))).toEqual([]);
    expect(speedUpOf(verdictOf("failed", []))).toBeNull();
  });

  it("counts right code as accepted, faster or not", () => {
    const accepted = (["passed", "surpassed", "failed", "errored"] as const).map((outcome) =>
      isAccepted({ verdict: verdictOf(outcome, []) }),
    );
    expect(accepted).toEqual([true, true, false, false]);
  });
});
