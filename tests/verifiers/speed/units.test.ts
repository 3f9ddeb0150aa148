import { describe, expect, it } from "vitest";
import { Random } from "../../../verifiers/numerics/random.js";
import { looks, maximumUnits } from "../../../verifiers/speed/sequential-test.js";
import { decideUnits, trimmedMean, type Unit } from "../../../verifiers/speed/units.js";
import { thresholds } from "../../../verifiers/thresholds.js";

describe("the time of a unit", () => {
  it("leaves out the slowest share, in part where it ends within a call", () => {
    expect(trimmedMean([4, 1, 100, 3], 0.25)).toBeCloseTo((1 + 3 + 4) / 3, 12);
    expect(trimmedMean([4, 1, 100, 3, 2], 0.25)).toBeCloseTo((1 + 2 + 3 + 0.75 * 4) / 3.75, 12);
    expect(trimmedMean([4, 1, 100, 3], 0)).toBe(27);
    expect(trimmedMean([7], 0.25)).toBe(7);
  });

  it("does not depend on how many calls a side made", () => {
    // Calls with bursts, 8 on one side and 9 on the other: no side may come out ahead.
    const random = new Random("bursts");
    const call = () => 1 + 0.02 * random.uniform() + (random.uniform() < 0.2 ? random.uniform() : 0);
    const time = (calls: number) => trimmedMean(Array.from({ length: calls }, call), thresholds.slowestShare);
    let sum = 0;
    for (let unit = 0; unit < 20_000; unit++) sum += Math.log(time(8) / time(9));
    expect(Math.abs(sum / 20_000)).toBeLessThan(0.25 * thresholds.speedResolution);
  });

  it("is moved less by bursts than the mean of all calls", () => {
    const random = new Random("bursts");
    const call = () => 1 + (random.uniform() < 0.1 ? 3 * random.uniform() : 0);
    const spread = (share: number) => {
      const times = Array.from({ length: 2000 }, () =>
        trimmedMean(
          Array.from({ length: 24 }, () => call()),
          share,
        ),
      );
      const mean = times.reduce((sum, value) => sum + value, 0) / times.length;
      return Math.sqrt(times.reduce((sum, value) => sum + (value - mean) ** 2, 0) / times.length);
    };
    expect(spread(thresholds.slowestShare)).toBeLessThan(0.5 * spread(0));
  });
});

describe("a decision on units", () => {
  const units = (count: number, ratio: number, meanRatio: number): Unit[] => Array.from({ length: count }, () => ({ ratio, meanRatio }));

  it("is that of the sequential test where all calls agree with the quick ones", () => {
    expect(decideUnits(units(looks[0], 0.2, 0.15), 1, false)).toMatchObject({ state: "decided", outcome: "faster" });
    expect(decideUnits(units(looks[0], -0.2, -0.3), 1, false)).toMatchObject({ state: "decided", outcome: "slower" });
    expect(decideUnits(units(looks[0], 0.001, 0.3), 1, false)).toMatchObject({ state: "decided", outcome: "within" });
  });

  it("is never faster where every fourth call is so slow that the mean is above the baseline's", () => {
    for (const count of [thresholds.grossUnits, ...looks.slice(0, -1)])
      expect(decideUnits(units(count, 0.5, -0.01), 1, false)).toEqual({ state: "continue" });
    expect(decideUnits(units(maximumUnits, 0.5, -0.01), 1, false)).toMatchObject({ state: "undecided" });
    expect(decideUnits(units(looks[0], 0.5, -0.01), 1, true)).toMatchObject({ state: "undecided" });
  });
});
