import { beforeAll, describe, expect, it } from "vitest";
import type { Candidate, Session } from "../../../specs/contracts/target.js";
import type { Evidence } from "../../../specs/contracts/verdict.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { rowsPerCall, SpotCheck } from "../../../verifiers/speed/spot-check.js";
import { TimedInputs } from "../../../verifiers/speed/timed-inputs.js";
import { thresholds } from "../../../verifiers/thresholds.js";
import { writeSmallSpec } from "../../small-spec.js";
import { openSessions } from "./sessions.js";

const sizes = { tokens: 192, in_features: 96, out_features: 160 };

/** y = x W^T, then what `spoil` does to it. */
function linear(spoil = ""): Candidate {
  const source = `#include "forge_kernel.h"
int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t o = 0; o < out_features; o++) {
      float sum = 0;
      for (int64_t i = 0; i < in_features; i++) sum += x[t * in_features + i] * weight[o * in_features + i];
      y[t * out_features + o] = sum;
    }
  ${spoil}
  return 0;
}
`;
  return {
    files: { "kernel.c": source },
    manifest: {
      language: "c",
      compiler: "gcc",
      units: [{ source: "kernel.c", flags: ["-O3", "-march=native", "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"] }],
      linkFlags: [],
    },
  };
}

describe("the rows that are looked at", () => {
  it.each([
    [4, 5],
    [40, 5],
    [1000, 5],
  ])("catch 1 %% of wrong rows with 99.9 %% over units of %i calls", (calls, units) => {
    const rows = rowsPerCall(calls, units) * Math.min(calls, thresholds.comparedCalls) * units;
    expect(0.99 ** rows).toBeLessThanOrEqual(thresholds.spotCheckEscape);
  });
});

describe("the spot check of a bilinear entry", () => {
  let sessions: Awaited<ReturnType<typeof openSessions>>;

  beforeAll(async () => {
    const path = writeSmallSpec("linear", (spec) => {
      delete spec.entries.linear_dgrad;
      delete spec.entries.linear_wgrad;
      spec.cases.timed = [sizes];
    });
    sessions = await openSessions(loadSpec(path));
  });

  async function prepared(candidate: Candidate, seed: string) {
    const session = await sessions.start(candidate);
    const timed = await TimedInputs.draw(sessions.bench, "linear_forward", sizes, seed, 1);
    await timed.fill(session, "linear_forward");
    return { session, timed, check: new SpotCheck(sessions.bench, timed, seed) };
  }

  async function call(session: Session, timed: TimedInputs, check: SpotCheck, rows: number): Promise<Evidence[]> {
    const selections = await check.prepare(0, rows);
    await timed.flush(session);
    const report = await session.call({ library: 0, entry: "linear_forward", set: 0, sizes, scalars: {}, poison: 0x7fc07fc0 });
    expect(report).toMatchObject({ status: "returned", code: 0 });
    await check.seal(session, 0, selections, true);
    return check.compare();
  }

  it("lets an honest kernel pass, by rows and whole", async () => {
    const { session, timed, check } = await prepared(linear(), "honest");
    for (let round = 0; round < 20; round++) {
      expect(await call(session, timed, check, 4)).toEqual([]);
      expect(await check.checkProjection(session, 0)).toBeNull();
    }
    expect(check.rowsChecked).toBeGreaterThanOrEqual(80);
  });

  it.each([
    ["one block of zeros", "for (int64_t t = 64; t < 72; t++) for (int64_t o = 32; o < 40; o++) y[t * out_features + o] = 0;"],
    ["one element that is 1 % off", "y[70 * out_features + 35] += 0.01f * (1.0f + y[70 * out_features + 35]);"],
    [
      "two rows exchanged",
      "for (int64_t o = 0; o < out_features; o++) { float kept = y[3 * out_features + o]; y[3 * out_features + o] = y[9 * out_features + o]; y[9 * out_features + o] = kept; }",
    ],
  ])("catches %s by Freivalds' projection, whichever rows were looked at", async (_, spoil) => {
    const { session, timed, check } = await prepared(linear(spoil), "one block");
    // The rows looked at miss it more often than not; the envelope that they give is all that is needed.
    await call(session, timed, check, 2);
    expect(await check.checkProjection(session, 0)).toMatchObject({
      kind: "alignment",
      visibility: "hidden",
      gate: "freivalds",
      entry: "linear_forward",
      output: "y",
    });
  });

  it("catches a NaN anywhere", async () => {
    const { session, timed, check } = await prepared(linear('y[tokens * out_features - 1] = __builtin_nanf("");'), "NaN");
    await call(session, timed, check, 2);
    expect(await check.checkProjection(session, 0)).toMatchObject({ gate: "freivalds" });
  });

  it("compares each call with the inputs of that very call, however they changed since", async () => {
    const { session, timed, check } = await prepared(linear(), "changing");
    for (let round = 0; round < 12; round++) {
      const selections = await check.prepare(0, 40);
      await timed.flush(session);
      await session.call({ library: 0, entry: "linear_forward", set: 0, sizes, scalars: {}, poison: 0x7fc07fc0 });
      await check.seal(session, 0, selections, true);
    }
    expect(await check.compare()).toEqual([]);
    expect(check.rowsChecked).toBe(12 * 40);
  });

  it("catches a call that was answered from inputs of the call before", async () => {
    const { session, timed, check } = await prepared(linear(), "stale");
    for (let round = 0; round < 12; round++) {
      const selections = await check.prepare(0, 40);
      // What changed is not written: the answer is that of older inputs.
      if (round === 0) await timed.flush(session);
      await session.call({ library: 0, entry: "linear_forward", set: 0, sizes, scalars: {}, poison: 0x7fc07fc0 });
      await check.seal(session, 0, selections, true);
    }
    expect(await check.compare()).toMatchObject([{ kind: "alignment", visibility: "hidden", output: "y" }]);
  });

  it("chooses other places each time, and the same ones for the same seed", async () => {
    const { check, timed } = await prepared(linear(), "places");
    const again = new SpotCheck(sessions.bench, timed, "places");
    const [first, second] = [await check.prepare(0, 4), await check.prepare(0, 4)];
    expect(second).not.toEqual(first);
    expect(await again.prepare(0, 4)).toEqual(first);
  });
});
