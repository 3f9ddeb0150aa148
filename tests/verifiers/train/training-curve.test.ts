import { describe, expect, test } from "vitest";
import { Random } from "../../../verifiers/numerics/random.js";
import { curveFailure, curveOf } from "../../../verifiers/train/check-training.js";
import { trainerThresholds } from "../../../verifiers/train/trainer-thresholds.js";

const steps = 60;
const references = 8;
/** As far apart as runs of a small model in bf16 come to lie. */
const scatter = 1e-3;

/** A curve that falls, with a level of its own and noise of its own. */
function simulate(random: Random, scale = 1, shift = 0): number[] {
  const level = scale * scatter * random.normal();
  return Array.from({ length: steps }, (_, step) => 4 + 3 * Math.exp(-step / 20) + level + 0.2 * scatter * random.normal() + shift);
}

/** Share of a thousand verdicts that object to a curve made by `candidate`. */
function objections(candidate: (random: Random) => number[]): number {
  const random = new Random("curves");
  let count = 0;
  for (let verdict = 0; verdict < 1000; verdict++) {
    const others = Array.from({ length: references }, () => simulate(random));
    if (curveFailure(curveOf(candidate(random), others))) count++;
  }
  return count / 1000;
}

describe("a training curve beside those of references", () => {
  test("is rarely objected to where it scatters as they do, or twice as much", () => {
    expect(objections((random) => simulate(random))).toBeLessThanOrEqual(trainerThresholds.trainingError);
    expect(objections((random) => simulate(random, trainerThresholds.trainingScatter))).toBeLessThanOrEqual(0.01);
  });

  test("is objected to where its level is shifted by more than the interval is wide", () => {
    expect(objections((random) => simulate(random, 1, 20 * scatter))).toBeGreaterThan(0.98);
    expect(objections((random) => simulate(random, 1, -20 * scatter))).toBeGreaterThan(0.98);
  });

  test("is objected to where one step is off, and the step is named", () => {
    const random = new Random("one step");
    const others = Array.from({ length: references }, () => simulate(random));
    const candidate = simulate(random);
    candidate[6]! *= 1.02;
    expect(curveFailure(curveOf(candidate, others))).toMatch(/^the loss of step 7 is .* more than 1\.0 % from/);
  });

  test("may be as far off at a step as the references are from each other there", () => {
    const random = new Random("a steep step");
    const steep = () => {
      const curve = simulate(random);
      curve[6]! *= 1 + 0.02 * random.normal();
      return curve;
    };
    const others = Array.from({ length: references }, steep);
    for (let trainer = 0; trainer < 200; trainer++) expect(curveFailure(curveOf(steep(), others))).toBeNull();
  });

  test("is objected to where it is no number", () => {
    const random = new Random("no number");
    const others = Array.from({ length: references }, () => simulate(random));
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const candidate = simulate(random);
      candidate[steps - 1] = wrong;
      expect(curveFailure(curveOf(candidate, others))).not.toBeNull();
    }
  });

  test("may be the references' own where they are the same to the last bit", () => {
    const same = simulate(new Random("same"));
    expect(curveFailure(curveOf(same, Array(references).fill(same)))).toBeNull();
  });
});
