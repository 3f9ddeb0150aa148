import { describe, expect, it } from "vitest";
import { bestOfRounds } from "../../../verifiers/targets/peak-rounds.js";

const peaks = { f32: 400, l1: 800, l2: 400, l3: 180, dramRead: 45, dramCopy: 60 };
type Name = keyof typeof peaks;

/** Each peak as `disturb` lets it be seen in a round. */
async function measured(disturb: (name: Name, round: number) => number) {
  const rounds: Partial<Record<Name, number>> = {};
  const measures = Object.fromEntries(
    (Object.keys(peaks) as Name[]).map((name) => [
      name,
      async () => {
        rounds[name] = (rounds[name] ?? 0) + 1;
        return peaks[name] * disturb(name, rounds[name]!);
      },
    ]),
  ) as Record<Name, () => Promise<number>>;
  return { best: await bestOfRounds(measures), rounds: rounds.f32! };
}

describe("peaks measured in rounds", () => {
  it("are the highest of each, after few rounds where nobody disturbs", async () => {
    expect(await measured(() => 1)).toEqual({ best: peaks, rounds: 3 });
  });

  it("come out right though every round is disturbed somewhere", async () => {
    const order = Object.keys(peaks);
    const { best, rounds } = await measured((name, round) => (order.indexOf(name) % 2 === round % 2 ? 0.5 : 1));
    expect(best).toEqual(peaks);
    expect(rounds).toBeGreaterThanOrEqual(3);
  });

  it("are measured on while a cache seems slower than what lies behind it", async () => {
    const { best, rounds } = await measured((name, round) => (name === "l1" && round < 7 ? 0.2 : 1));
    expect(best.l1).toBe(peaks.l1);
    expect(rounds).toBe(8);
  });

  it("end where a cache stays slower than what lies behind it", async () => {
    const { best, rounds } = await measured((name) => (name === "l1" ? 0.2 : 1));
    expect(best.l1).toBe(0.2 * peaks.l1);
    expect(rounds).toBe(16);
  });

  it("may be alike in two caches", async () => {
    expect((await measured((name) => (name === "l1" ? 0.48 : 1))).rounds).toBe(3);
  });
});
