import { describe, expect, test } from "vitest";
import type { KernelSpec, Regime } from "../../../specs/contracts/spec.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { hiddenCases, publicCases } from "../../../verifiers/align/kernel-case.js";

const { spec } = loadSpec("specs/kernels/softmax-cross-entropy.yaml");
const linear = loadSpec("specs/kernels/linear.yaml").spec;

function withRegimes(shipped: KernelSpec, count: number): KernelSpec {
  return { ...shipped, regimes: shipped.regimes.slice(0, count), cases: { ...shipped.cases, hidden: 48 } };
}

describe.each([1, 2, 3, 4, 6, 8, 9, 11])("hidden cases of a spec with %d regimes", (count) => {
  test.each([
    ["a plain entry", spec, "cross_entropy_forward"],
    ["a bilinear entry", linear, "linear_dgrad"],
  ])("of %s visit every regime, in small and in medium sizes", (_, shipped, entry) => {
    const changed = withRegimes(shipped, count);
    const cases = hiddenCases(changed, entry, "seed");
    const symbol = shipped === spec ? "classes" : "tokens";
    const ranges = changed.sizes[symbol]!;
    const isMedium = (size: number) => size > ranges.small[1];
    for (const regime of changed.regimes) {
      const sizes = cases.filter((item) => item.regime === regime).map((item) => item.sizes[symbol]!);
      expect(sizes.length).toBeGreaterThan(2);
      expect(sizes.some(isMedium), `${regime} in a medium size`).toBe(true);
      expect(
        sizes.some((size) => size < ranges.medium[0]),
        `${regime} in a small size`,
      ).toBe(true);
    }
  });
});

test("a quarter of the hidden cases of a bilinear entry, and half of its public ones, are exact probes", () => {
  const exact = (regimes: (Regime | "exact")[]) => regimes.filter((regime) => regime === "exact").length;
  expect(exact(hiddenCases(linear, "linear_wgrad", "seed").map(({ regime }) => regime))).toBe(linear.cases.hidden / 4);
  expect(exact(publicCases(linear, "linear_wgrad").map(({ regime }) => regime))).toBe(linear.cases.public.length);
});

test("sizes stay in the spec's ranges, many of them odd, and every submission draws others", () => {
  const draw = (seed: string) => hiddenCases(spec, "cross_entropy_forward", seed);
  const all = ["a", "b", "c", "d"].flatMap(draw);
  for (const { sizes } of all)
    for (const [symbol, { small, medium }] of Object.entries(spec.sizes)) {
      const size = sizes[symbol]!;
      expect((size >= small[0] && size <= small[1]) || (size >= medium[0] && size <= medium[1])).toBe(true);
    }
  expect(all.filter(({ sizes }) => sizes.classes! % 2 === 1).length).toBeGreaterThan(all.length / 2);
  expect(draw("a")).toEqual(draw("a"));
  expect(draw("a").map(({ sizes }) => sizes)).not.toEqual(draw("b").map(({ sizes }) => sizes));
});
