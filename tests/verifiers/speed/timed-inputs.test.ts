import { beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../../specs/contracts/target.js";
import type { Tensor } from "../../../specs/contracts/verdict.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { TimedInputs } from "../../../verifiers/speed/timed-inputs.js";
import { rmsnormCandidate, smallRmsnorm, timedCold, writeSmallSpec } from "../../small-spec.js";
import { openSessions } from "./sessions.js";

const sizes = { rows: 64, dim: 32 };
/** x and weight; outputs do not count. */
const setBytes = 4 * (64 * 32 + 32);

describe("inputs at timed sizes", () => {
  const loaded = smallRmsnorm(timedCold);
  let sessions: Awaited<ReturnType<typeof openSessions>>;
  let reader: Session;

  beforeAll(async () => {
    sessions = await openSessions(loaded);
    // Hands back what lies in its input, so that it can be seen from outside.
    reader = await sessions.start(
      rmsnormCandidate("  (void)weight; (void)rstd; (void)eps; memcpy(y, x, (size_t)(rows * dim) * sizeof *y);"),
    );
  });

  const draw = (seed: string, cacheBytes: number) => TimedInputs.draw(sessions.bench, "rmsnorm_forward", sizes, seed, cacheBytes);

  async function seen(session: Session, timed: TimedInputs, set: number): Promise<Float32Array> {
    const { scalars } = timed.kernelCase;
    const report = await session.call({ library: 0, entry: "rmsnorm_forward", set, sizes, scalars, poison: 0 });
    expect(report.status).toBe("returned");
    return new Float32Array((await session.readOutput(set, "y", 0, 4 * 64 * 32)).slice().buffer);
  }

  it("fill more than twice the cache, and at least one set", async () => {
    expect((await draw("a", 10 * setBytes)).sets).toHaveLength(20);
    expect((await draw("a", 1)).sets).toHaveLength(1);
  });

  it("are not drawn again while they may lie in the cache", async () => {
    const timed = await draw("a", 3 * setBytes);
    expect(timed.sets).toHaveLength(6);
    const drawn = Array.from({ length: 200 }, () => timed.chooseSet());
    for (let i = 3; i < drawn.length; i++) expect(drawn.slice(i - 3, i)).not.toContain(drawn[i]);
    expect(new Set(drawn).size).toBe(6);
    const [first, second] = [await draw("a", setBytes), await draw("a", 1)];
    expect(Array.from({ length: 4 }, () => first.chooseSet()).join("")).toMatch(/^(0101|1010)$/);
    expect([second.chooseSet(), second.chooseSet()]).toEqual([0, 0]);
  });

  it("are one set where the spec says warm", async () => {
    const warm = await openSessions(smallRmsnorm((spec) => Object.assign(spec.gates, { warm: true })));
    expect((await TimedInputs.draw(warm.bench, "rmsnorm_forward", sizes, "a", 10 * setBytes)).sets).toHaveLength(1);
  });

  it("follow from the seed alone, and differ from set to set and seed to seed", async () => {
    const [one, same, other] = [await draw("a", setBytes), await draw("a", setBytes), await draw("b", setBytes)];
    const x = (timed: TimedInputs, set: number): Tensor["data"] => timed.sets[set]!.x!.data;
    expect(x(same, 0)).toEqual(x(one, 0));
    expect(x(one, 1)).not.toEqual(x(one, 0));
    expect(x(other, 0)).not.toEqual(x(one, 0));
  });

  it("have rows of different magnitude, so that no sample of rows is typical", async () => {
    const { data } = (await draw("a", 1)).sets[0]!.x!;
    const scales = Array.from(
      { length: 64 },
      (_, row) => Math.hypot(...Array.from(data.subarray(row * 32, (row + 1) * 32))) / Math.sqrt(32),
    );
    expect(Math.max(...scales) / Math.min(...scales)).toBeGreaterThan(4);
  });

  it("reach the session, and changes reach it with the next flush", async () => {
    const timed = await draw("a", setBytes);
    await timed.fill(reader, "rmsnorm_forward");
    expect(await seen(reader, timed, 1)).toEqual(timed.sets[1]!.x!.data);
    const before = Float32Array.from(timed.sets[1]!.x!.data as Float32Array);
    await timed.changeSlices(1, "rows", [3, 40]);
    const changed = timed.sets[1]!.x!.data as Float32Array;
    const rows = new Set([...changed.keys()].filter((index) => changed[index] !== before[index]).map((index) => Math.floor(index / 32)));
    expect([...rows].sort((a, b) => a - b)).toEqual([3, 40]);
    expect(await seen(reader, timed, 1)).toEqual(before);
    await timed.flush(reader);
    expect(await seen(reader, timed, 1)).toEqual(changed);
    expect(await seen(reader, timed, 0)).toEqual(timed.sets[0]!.x!.data);
  });

  it("change by one element now and then, by many at other times: a sum does not hide it, nor does a sample see it", async () => {
    const timed = await draw("a", 1);
    const counts: number[] = [];
    for (let round = 0; round < 200; round++) {
      const before = Float32Array.from(timed.sets[0]!.x!.data as Float32Array);
      await timed.changeSlices(0, "rows", [7]);
      const after = timed.sets[0]!.x!.data as Float32Array;
      counts.push([...after.keys()].filter((index) => after[index] !== before[index]).length);
    }
    // Up to a quarter of the 32 elements of a row; the same one may be drawn twice.
    expect(counts.filter((count) => count === 1).length).toBeGreaterThan(20);
    expect(Math.max(...counts)).toBeGreaterThan(5);
    expect(Math.max(...counts)).toBeLessThanOrEqual(8);
  });

  it("can be looked back at as they were, and are afterwards what they are now", async () => {
    const timed = await draw("a", setBytes);
    const x = () => Float32Array.from(timed.sets[0]!.x!.data as Float32Array);
    const moments: number[] = [];
    const states: Float32Array[] = [];
    for (let round = 0; round < 6; round++) {
      moments.push(timed.now());
      states.push(x());
      // The same row again and again: an element may change more than once.
      await timed.changeSlices(0, "rows", [5, 5, 5, 6 + round]);
    }
    const now = x();
    const seenThen: Float32Array[] = [];
    const asked = [3, 0, 5, 3];
    timed.lookBack(
      asked.map((index) => moments[index]!),
      (position) => {
        seenThen[position] = x();
      },
    );
    expect(seenThen).toEqual(asked.map((index) => states[index]!));
    expect(x()).toEqual(now);
    timed.lookBack([moments[1]!], () => expect(x()).toEqual(states[1]!));
    timed.forgetPast();
    expect(timed.now()).toBe(0);
  });

  it("give both contestants the same, however often each of them runs", async () => {
    const rival = await sessions.start(
      rmsnormCandidate("  (void)weight; (void)rstd; (void)eps; memcpy(y, x, (size_t)(rows * dim) * sizeof *y);"),
    );
    const timed = await draw("a", setBytes);
    await timed.fill(reader, "rmsnorm_forward");
    await timed.fill(rival, "rmsnorm_forward");
    for (let round = 0; round < 5; round++) {
      await timed.changeSlices(0, "rows", [round, 10 + round]);
      await timed.flush(reader);
    }
    await timed.flush(rival);
    expect(await seen(rival, timed, 0)).toEqual(await seen(reader, timed, 0));
  });

  it("change what another input was computed from together with it, row by row", async () => {
    // The backward pass takes rstd from the forward one, so where x changes rstd has to; the weight is no part of it.
    const path = writeSmallSpec("rmsnorm", (spec) => {
      spec.cases.timed = [sizes];
    });
    const { bench } = await openSessions(loadSpec(path));
    const timed = await TimedInputs.draw(bench, "rmsnorm_backward", sizes, "a", 1);
    const before = structuredClone(timed.sets[0]!);
    const moment = timed.now();
    for (let round = 0; round < 40; round++) await timed.changeSlices(0, "rows", [round]);
    const changed = (name: string) => [...before[name]!.data.keys()].filter((i) => timed.sets[0]![name]!.data[i] !== before[name]!.data[i]);
    expect(changed("weight")).toEqual([]);
    expect(changed("dy").length).toBeGreaterThan(5);
    const rows = new Set(changed("x").map((index) => Math.floor(index / sizes.dim)));
    expect(rows.size).toBeGreaterThan(5);
    expect(changed("rstd").filter((row) => !rows.has(row))).toEqual([]);
    for (const row of rows) {
      const x = (timed.sets[0]!.x!.data as Float32Array).subarray(row * sizes.dim, (row + 1) * sizes.dim);
      const meanSquare = x.reduce((sum, value) => sum + value * value, 0) / sizes.dim;
      expect(timed.sets[0]!.rstd!.data[row]).toBeCloseTo(1 / Math.sqrt(meanSquare + 1e-6), 4);
    }
    timed.lookBack([moment], () => expect(timed.sets[0]).toEqual(before));
    expect(changed("x").length).toBeGreaterThan(5);
  });

  it("leave a row alone whose change would be felt in all of what was computed from it", async () => {
    const path = writeSmallSpec("rmsnorm", (spec) => {
      spec.cases.timed = [sizes];
    });
    const { bench } = await openSessions(loadSpec(path));
    const timed = await TimedInputs.draw(bench, "rmsnorm_backward", sizes, "a", 1);
    const before = structuredClone(timed.sets[0]!);
    for (let round = 0; round < 20; round++) await timed.changeSlices(0, "dim", [round]);
    for (const name of ["x", "weight", "rstd"]) expect(timed.sets[0]![name]!.data, name).toEqual(before[name]!.data);
    expect(timed.sets[0]!.dy!.data).not.toEqual(before.dy!.data);
  });
});
