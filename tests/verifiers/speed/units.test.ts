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

  it("favours no side by the number of its calls, where that may differ", () => {
    // Sides within 1.3 of each other make equally many; beyond, as in 8 against 11, neither may seem faster in more than half of the units.
    const random = new Random("bursts");
    const call = () => 1 + 0.02 * random.uniform() + (random.uniform() < 0.3 ? random.uniform() : 0);
    const time = (calls: number) => trimmedMean(Array.from({ length: calls }, call), thresholds.slowestShare);
    const bar = Math.log(1 + thresholds.speedResolution);
    const sides = { more: 0, fewer: 0 };
    for (let unit = 0; unit < 20_000; unit++) {
      const difference = Math.log(time(8) / time(11));
      if (difference > bar) sides.more++;
      if (difference < -bar) sides.fewer++;
    }
    expect(Math.max(sides.more, sides.fewer)).toBeLessThan(0.5 * 20_000);
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
  const unit = (ratio: number, meanRatio: number): Unit => ({ ratio, candidateMean: 1, baselineMean: Math.exp(meanRatio) });
  const units = (count: number, ratio: number, meanRatio: number): Unit[] => Array.from({ length: count }, () => unit(ratio, meanRatio));

  it("is that of the sequential test where all calls agree with the quick ones", () => {
    expect(decideUnits(units(looks[0], 0.2, 0.15), 1, false)).toMatchObject({ state: "decided", outcome: "faster" });
    expect(decideUnits(units(looks[0], -0.2, -0.3), 1, false)).toMatchObject({ state: "decided", outcome: "slower" });
    expect(decideUnits(units(looks[0], 0.001, 0.3), 1, false)).toMatchObject({ state: "decided", outcome: "within" });
  });

  it("is never faster where every fourth call is so slow that the mean is above the baseline's", () => {
    for (const count of [thresholds.grossUnits, ...looks.slice(0, -1)])
      expect(decideUnits(units(count, 0.5, -0.01), 1, false)).toEqual({ state: "continue" });
    expect(decideUnits(units(maximumUnits, 0.5, -0.01), 1, false)).toMatchObject({ state: "undecided" });
    expect(decideUnits(units(looks[0], 0.5, -0.01), 1, true)).toMatchObject({
      state: "undecided",
      reason: "some calls are far slower than the others: over all calls it is 0.99x the baseline's speed",
    });
  });

  it("is never faster where the slow calls come in fewer than half of the units", () => {
    // A quarter of the calls 20 times as slow in 5 of 12 units, the rest 2 % quicker: more than twice as slow over all.
    const slow: Unit = { ratio: 0.02, candidateMean: 1 + 0.25 * 19, baselineMean: 1 };
    const quick: Unit = { ratio: 0.02, candidateMean: 0.98, baselineMean: 1 };
    const mixed = Array.from({ length: 12 }, (_, index) => (index % 12 < 5 ? slow : quick));
    expect(decideUnits(mixed, 1, false)).toEqual({ state: "continue" });
  });

  it("is never faster than a target that the mean does not reach, nor by much more than the mean", () => {
    expect(decideUnits(units(looks[0], Math.log(2.1), Math.log(1.9)), 2, false)).toEqual({ state: "continue" });
    expect(decideUnits(units(looks[0], Math.log(2.1), Math.log(2.05)), 2, false)).toMatchObject({ outcome: "faster" });
    expect(decideUnits(units(looks[0], Math.log(1.3), Math.log(1.003)), 1, false)).toEqual({ state: "continue" });
    expect(decideUnits(units(looks[0], Math.log(1.3), Math.log(1.2)), 1, false)).toMatchObject({ outcome: "faster" });
  });
});
