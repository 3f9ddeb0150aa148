import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../../verifiers/numerics/random.js";
import {
  boundary,
  crossingProbability,
  decideSpeed,
  estimateRatio,
  looks,
  maximumUnits,
  type SpeedDecision,
} from "../../../verifiers/speed/sequential-test.js";
import { thresholds } from "../../../verifiers/thresholds.js";

/** One measurement: units are drawn until something is decided or there are no more. */
function measure(draw: () => number, target = 1): Exclude<SpeedDecision, { state: "continue" }> {
  const logRatios: number[] = [];
  for (;;) {
    logRatios.push(draw());
    const decision = decideSpeed(logRatios, target, false);
    if (decision.state !== "continue") return decision;
  }
}

function claims(runs: number, draw: () => number): Record<"faster" | "slower" | "within" | "undecided", number> {
  const counts = { faster: 0, slower: 0, within: 0, undecided: 0 };
  for (let run = 0; run < runs; run++) {
    const decision = measure(draw);
    counts[decision.state === "decided" ? decision.outcome : "undecided"]++;
  }
  return counts;
}

/** Noise of different shapes, all with median 0; `random` is seeded, so a run of the tests repeats the last one. */
const shapes: Record<string, (random: Random) => number> = {
  normal: (random) => 0.02 * random.normal(),
  // Student's t with 2 degrees of freedom: no variance.
  "heavy tails": (random) => (0.02 * random.normal()) / Math.sqrt(-Math.log(1 - random.uniform())),
  // Cauchy: no mean either.
  "very heavy tails": (random) => 0.02 * Math.tan(Math.PI * (random.uniform() - 0.5)),
  skewed: (random) => 0.02 * (-Math.log(1 - random.uniform()) - Math.LN2),
  "two machines in one": (random) => (random.uniform() < 0.5 ? -0.03 : 0.03) + 0.002 * random.normal(),
};

/** A quarter is the most of units in which processes of two kinds can be off in one direction: p (1 - p). */
const gross = 0.25 ** thresholds.grossUnits;

describe("the boundary", () => {
  it("is crossed by a fair walk no more often than stated, summed exactly", () => {
    expect(2 * (crossingProbability(boundary) + gross)).toBeLessThanOrEqual(thresholds.speedFalseClaim);
    // All but spent: a boundary that is never crossed would keep the promise too.
    expect(2 * crossingProbability(boundary)).toBeGreaterThan(0.5 * thresholds.speedFalseClaim);
  });

  it("would break the promise if any look took one more order statistic", () => {
    const last = looks.at(-1)!;
    const looser = new Map([...boundary, [last, boundary.get(last)! + 1]]);
    expect(2 * (crossingProbability(looser) + gross)).toBeGreaterThan(thresholds.speedFalseClaim);
  });

  it("agrees with simulation", () => {
    const random = new Random("fair walks");
    const walks = 200_000;
    let crossed = 0;
    for (let walk = 0; walk < walks; walk++) {
      let below = 0;
      for (let n = 1; n <= maximumUnits; n++) {
        if (random.bits() < 0) below++;
        if (below < (boundary.get(n) ?? 0)) {
          crossed++;
          break;
        }
      }
    }
    const expected = walks * crossingProbability(boundary);
    expect(Math.abs(crossed - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
});

describe("claims", () => {
  it.each(Object.keys(shapes))("against itself with noise %s: at most 1 in 500 of 20,000 runs", (shape) => {
    const random = new Random(`itself ${shape}`);
    const runs = 20_000;
    const { faster, slower } = claims(runs, () => shapes[shape]!(random));
    expect(faster + slower).toBeLessThanOrEqual(thresholds.speedFalseClaim * runs);
  });

  it.each(Object.keys(shapes))("right at the resolution with noise %s: no more than the boundary allows on one side", (shape) => {
    const random = new Random(`resolution ${shape}`);
    const runs = 20_000;
    const edge = Math.log(1 + thresholds.speedResolution);
    const allowed = (thresholds.speedFalseClaim / 2) * runs;
    expect(claims(runs, () => edge + shapes[shape]!(random)).faster).toBeLessThanOrEqual(allowed + 4 * Math.sqrt(allowed));
    expect(claims(runs, () => -edge + shapes[shape]!(random)).slower).toBeLessThanOrEqual(allowed + 4 * Math.sqrt(allowed));
  });

  it("see a true 5 % through 2 % of noise per unit in at least 95 %, in both directions", () => {
    const random = new Random("five per cent");
    const effect = Math.log(1.05);
    expect(claims(2000, () => effect + shapes.normal!(random)).faster).toBeGreaterThanOrEqual(1900);
    expect(claims(2000, () => -effect + shapes.normal!(random)).slower).toBeGreaterThanOrEqual(1900);
  });

  it("call equal things equal where there is little noise", () => {
    const random = new Random("quiet");
    expect(claims(1000, () => 0.004 * random.normal()).within).toBeGreaterThan(950);
  });
});

describe("the gross look", () => {
  const gross = Math.log(thresholds.grossEffect);
  const fewer = thresholds.grossUnits - 1;
  const many = (value: number, count: number = thresholds.grossUnits) => new Array<number>(count).fill(value);

  it("decides after six units that are all far apart, and only then", () => {
    expect(decideSpeed(many(gross + 0.01), 1, false)).toMatchObject({ state: "decided", outcome: "faster" });
    expect(decideSpeed(many(-gross - 0.01), 1, false)).toMatchObject({ state: "decided", outcome: "slower" });
    expect(decideSpeed([...many(gross + 0.01, fewer), gross - 0.01], 1, false)).toEqual({ state: "continue" });
    expect(decideSpeed(many(gross + 0.01, fewer), 1, false)).toEqual({ state: "continue" });
    expect(decideSpeed(many(gross + 0.01, fewer + 2), 1, false)).toEqual({ state: "continue" });
  });

  it("asks for the spec's target where that is more", () => {
    expect(decideSpeed(many(Math.log(1.9)), 2, false)).toEqual({ state: "continue" });
    expect(decideSpeed(many(Math.log(2.1)), 2, false)).toMatchObject({ outcome: "faster" });
  });
});

describe("the interval", () => {
  const units = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: maximumUnits });

  it("holds the median and lies between the extremes", () => {
    fc.assert(
      fc.property(units, (values) => {
        const { low, median, high, confidence } = estimateRatio(values);
        expect(low).toBeLessThanOrEqual(median);
        expect(median).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(Math.min(...values));
        expect(high).toBeLessThanOrEqual(Math.max(...values));
        expect(confidence).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("does not depend on the order of the units", () => {
    fc.assert(
      fc.property(units, (values) => {
        expect(estimateRatio([...values].reverse())).toEqual(estimateRatio(values));
      }),
    );
  });

  it("never falls where a unit rises", () => {
    fc.assert(
      fc.property(units, fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (values, place, rise) => {
        const risen = [...values];
        risen[place % values.length]! += rise;
        const [before, after] = [estimateRatio(values), estimateRatio(risen)];
        for (const key of ["low", "median", "high"] as const) expect(after[key]).toBeGreaterThanOrEqual(before[key]);
      }),
    );
  });

  it("turns round with its units: who wins one way loses the other way", () => {
    const opposite = { faster: "slower", slower: "faster", within: "within" } as const;
    fc.assert(
      fc.property(units, (values) => {
        const forward = decideSpeed(values, 1, false);
        const backward = decideSpeed(
          values.map((value) => -value),
          1,
          false,
        );
        expect(backward.state).toBe(forward.state);
        if (forward.state === "decided" && backward.state === "decided") expect(backward.outcome).toBe(opposite[forward.outcome]);
      }),
    );
  });

  it("is undecided when time is up, never more than that", () => {
    const values = [0.02, -0.01, 0.03];
    expect(decideSpeed(values, 1, false)).toEqual({ state: "continue" });
    expect(decideSpeed(values, 1, true)).toMatchObject({ state: "undecided", estimate: { units: 3 } });
  });
});
