import { describe, expect, it } from "vitest";
import { bestOfN } from "../../../harness/strategies/best-of-n.js";
import { attempt, view } from "./sample-view.js";

const strategy = bestOfN(3);
const first = attempt(1, 0, 0.9);
const round = [attempt(2, 0, 1.2), attempt(3, 1, 1.6), attempt(4, 2, null)];

describe("best-of-N", () => {
  it("opens every lane from the best, and tells it apart", () => {
    expect(strategy.opening(1, view([first], [0]))).toMatchObject({ base: 1, text: expect.stringContaining("number 2") });
  });

  it("leaves the first lane alone until something has passed", () => {
    expect(strategy.next(0, view([attempt(1, 0, null)], [0]))).toEqual({ base: null, text: null });
    expect(strategy.next(0, view([first], [0]))).toEqual({ base: null, text: null });
  });

  it("waits until every open lane has made its attempt", () => {
    expect(strategy.next(0, view([first, round[0]!], [0, 1, 2]))).toBe("wait");
    expect(strategy.next(0, view([first, round[0]!, round[1]!], [0, 1, 2]))).toBe("wait");
  });

  it("does not wait for a lane that is over", () => {
    expect(strategy.next(0, view([first, round[0]!, round[1]!], [0, 1]))).toMatchObject({ base: 3 });
  });

  it("has all go on from the round's best, whoever asks, in whatever order they came", () => {
    const places = [0, 1, 2].map((lane) => strategy.next(lane, view([first, ...round], [0, 1, 2])));
    expect(places).toMatchObject([{ base: 3 }, { base: null, text: "Round 1 is over: yours was the best." }, { base: 3 }]);
  });

  it("who is late in a round is told the same as who was early, although others are further by now", () => {
    const further = attempt(5, 1, 2.5);
    expect(strategy.next(2, view([first, ...round, further], [0, 1, 2]))).toMatchObject({ base: 3 });
  });

  it("goes back to what came before the round where nothing in it is better", () => {
    const worse = [attempt(2, 0, 0.5), attempt(3, 1, null), attempt(4, 2, 0.4)];
    for (const lane of [0, 1, 2]) expect(strategy.next(lane, view([first, ...worse], [0, 1, 2]))).toMatchObject({ base: 1 });
  });
});
