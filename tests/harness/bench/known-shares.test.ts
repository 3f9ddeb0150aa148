import { expect, it } from "vitest";
import { findMistuned } from "../../../harness/bench/peers/known-shares.js";

const forward = { entry: "rmsnorm_forward", floorSeconds: 2e-3, seconds: 6e-3 };
const backward = { entry: "rmsnorm_backward", floorSeconds: 3e-3, seconds: 10e-3 };

it("a peer at its known share is well tuned, whichever direction it loses its time in", () => {
  expect(findMistuned("pytorch-compiled", "rmsnorm", "f32", [forward, backward]).size).toBe(0);
});

it("below nine tenths of its known share it is mis-tuned in both directions, and the reason names share and source", () => {
  const reasons = findMistuned("pytorch-compiled", "rmsnorm", "f32", [forward, { ...backward, seconds: 13e-3 }]);
  expect([...reasons.keys()]).toEqual(["rmsnorm_forward", "rmsnorm_backward"]);
  expect(reasons.get("rmsnorm_forward")).toMatch(/^reaches 26 % of the physical limit, known are 31 %/);
});

it("says nothing where nothing is known: one direction alone, another type, another peer, tiny sizes", () => {
  const slow = [forward, { ...backward, seconds: 1 }];
  expect(findMistuned("pytorch-compiled", "rmsnorm", "f32", slow.slice(1)).size).toBe(0);
  expect(findMistuned("pytorch-compiled", "rmsnorm", "bf16", slow).size).toBe(0);
  expect(findMistuned("pytorch-eager", "rmsnorm", "f32", slow).size).toBe(0);
  expect(
    findMistuned(
      "pytorch-compiled",
      "rmsnorm",
      "f32",
      slow.map((timed) => ({ ...timed, floorSeconds: 1e-5 })),
    ).size,
  ).toBe(0);
});

it("matrix products are judged one by one", () => {
  const timed = ["linear_forward", "linear_dgrad"].map((entry, index) => ({
    entry,
    floorSeconds: 20e-3,
    seconds: index === 0 ? 26e-3 : 32e-3,
  }));
  expect([...findMistuned("pytorch-eager", "linear", "f32", timed).keys()]).toEqual(["linear_dgrad"]);
});
