import { describe, expect, it } from "vitest";
import { islands } from "../../../harness/strategies/islands.js";
import { type Attempt, attempt, view } from "./sample-view.js";

const strategy = islands(2);
const first = attempt(1, 0, 0.9);

describe("islands", () => {
  it("opens every island from the best, each with another leaning", () => {
    const texts = [1, 2, 3].map((lane) => islands(4).opening(lane, view([first], [0])).text);
    expect(new Set(texts).size).toBe(3);
    expect(strategy.opening(1, view([first], [0]))).toMatchObject({ base: 1 });
  });

  it("leaves an island alone on which nothing has passed", () => {
    expect(strategy.next(1, view([first, attempt(2, 1, null)], [0, 1]))).toEqual({ base: null, text: null });
  });

  it("goes on from one of its own, the better the likelier, and never from what failed or is the neighbour's", () => {
    const counts = new Map<number, number>();
    for (let round = 0; round < 400; round++) {
      const from = 10 * round;
      const own = [attempt(from + 1, 0, 1.1), attempt(from + 2, 0, 1.9), attempt(from + 3, 0, 1.5), attempt(from + 4, 0, null)];
      const placement = strategy.next(0, view([...own, attempt(from + 5, 1, 9)], [0, 1]));
      if (placement === "wait" || placement.base === null) throw new Error("the newest failed");
      counts.set(placement.base - from, (counts.get(placement.base - from) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([1, 2, 3]);
    // 4 : 2 : 1 of 400.
    expect(counts.get(2)! / 400).toBeCloseTo(4 / 7, 1);
    expect(counts.get(3)! / 400).toBeCloseTo(2 / 7, 1);
  });

  it("takes over the neighbour's best every third attempt, where it is better", () => {
    const own = [first, attempt(2, 0, 1.1), attempt(4, 0, 1.2)];
    const neighbour = attempt(3, 1, 2, { base: 1 });
    expect(strategy.next(0, view([...own, neighbour], [0, 1]))).toEqual({
      base: 3,
      text: "The workspace is now attempt 3 (2.00x the baseline). It comes from island 2, which got further than yours.",
    });
    expect(strategy.next(0, view([first, attempt(2, 0, 1.1), neighbour], [0, 1]))).not.toMatchObject({ base: 3 });
  });

  it("leaves a code that its neighbour has as well", () => {
    const own = [first, attempt(2, 0, 1.5, { code: "same" }), attempt(4, 0, 1.2)];
    const placement = strategy.next(0, view([...own, attempt(3, 1, 1.5, { code: "same" })], [0, 1]));
    expect(placement).toEqual({ base: null, text: "Your neighbour has the same code as your best: go another way from here." });
  });

  it("says the same of the same log, in whatever order islands ask", () => {
    const attempts: Attempt[] = [first, attempt(2, 1, 1.3, { base: 1 }), attempt(3, 0, 1.2), attempt(4, 1, 1.1), attempt(5, 0, null)];
    const once = [0, 1].map((lane) => strategy.next(lane, view(attempts, [0, 1])));
    expect([1, 0].map((lane) => strategy.next(lane, view(attempts, [1, 0]))).reverse()).toEqual(once);
  });
});
