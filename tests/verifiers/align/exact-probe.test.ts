import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Sizes } from "../../../specs/contracts/spec.js";
import type { Tensor } from "../../../specs/contracts/verdict.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { contractionSymbol, drawExactProbe } from "../../../verifiers/align/exact-probe.js";
import { roundToStorage } from "../../../verifiers/align/output-reference.js";
import { roundToBfloat16, roundToTf32 } from "../../../verifiers/numerics/bfloat16.js";
import { Random } from "../../../verifiers/numerics/random.js";
import { toDoubles } from "../../../verifiers/numerics/tensor.js";

const { spec } = loadSpec("specs/kernels/linear.yaml");
const entryNames = Object.keys(spec.entries);
const variantNames = Object.keys(spec.variants) as ("f32" | "bf16")[];

/** One line of each factor for every output element: what is multiplied and summed. */
function productsOf(entryName: string, variantName: "f32" | "bf16", sizes: Sizes, seed: string): [number, number][][] {
  const entry = spec.entries[entryName]!;
  const symbol = contractionSymbol(entry);
  const probe = drawExactProbe(entry, spec.variants[variantName]!, {
    entry: entryName,
    visibility: "hidden",
    regime: "exact",
    sizes,
    scalars: {},
    seed,
  });
  const [left, right] = entry.bilinear!.map((name) => linesOf(probe[name]!, entry.buffers[name]!.shape.indexOf(symbol)));
  return left!.flatMap((a) => right!.map((b) => a.map((value, k): [number, number] => [value, b[k]!])));
}

/** Lines of a matrix along an axis. */
function linesOf(tensor: Tensor, axis: number): number[][] {
  const [rows, columns] = tensor.shape as [number, number];
  const values = toDoubles(tensor);
  const [count, length] = axis === 1 ? [rows, columns] : [columns, rows];
  return Array.from({ length: count }, (_, j) => Array.from({ length }, (_, k) => values[axis === 1 ? j * columns + k : k * columns + j]!));
}

type Round = (value: number) => number;
interface Arithmetic {
  input: Round;
  product: Round;
  sum: Round;
}
const f32: Arithmetic = { input: (value) => value, product: Math.fround, sum: Math.fround };

function sumInOrder(terms: [number, number][], { input, product, sum }: Arithmetic): number {
  return terms.reduce((total, [a, b]) => sum(total + product(input(a) * input(b))), 0);
}

/** A random tree over a random permutation: any order in which a kernel might add. */
function sumInTree(terms: [number, number][], random: Random): number {
  const values = terms.map(([a, b]) => Math.fround(a * b));
  while (values.length > 1) {
    const [first] = values.splice(random.integer(0, values.length - 1), 1);
    const at = random.integer(0, values.length - 1);
    values[at] = Math.fround(values[at]! + first!);
  }
  return values[0]!;
}

const exact = (terms: [number, number][]): bigint => terms.reduce((sum, [a, b]) => sum + BigInt(a) * BigInt(b), 0n);
const extent = fc.integer({ min: 1, max: 40 });
const anySizes = fc.record({ tokens: extent, in_features: extent, out_features: extent });
const anySeed = fc.string({ minLength: 1, maxLength: 8 });

describe.each(entryNames)("probes of %s", (entryName) => {
  describe.each(variantNames)("%s", (variantName) => {
    test("are exact in any order, and in storage", () => {
      fc.assert(
        fc.property(anySizes, anySeed, (sizes, seed) => {
          const random = new Random(seed);
          for (const terms of productsOf(entryName, variantName, sizes, seed).slice(0, 20)) {
            const expected = Number(exact(terms));
            // Plus zero: the sign of a zero sum depends on its order.
            expect(sumInTree(terms, random) + 0).toBe(expected);
            expect(sumInOrder(terms, f32) + 0).toBe(expected);
            expect(roundToStorage(variantName, expected)).toBe(expected);
            // No order of partial sums can leave the integers that float32 holds.
            expect(terms.reduce((sum, [a, b]) => sum + Math.abs(a * b), 0)).toBeLessThanOrEqual(2 ** 24);
          }
        }),
        { numRuns: 60 },
      );
    });

    const broken: Record<"f32" | "bf16", [string, Arithmetic][]> = {
      f32: [
        ["inputs in TF32", { ...f32, input: roundToTf32 }],
        ["inputs in bf16", { ...f32, input: roundToBfloat16 }],
        ["products in TF32", { ...f32, product: roundToTf32 }],
        ["sums in TF32", { ...f32, sum: roundToTf32 }],
        ["sums in bf16", { ...f32, sum: roundToBfloat16 }],
      ],
      bf16: [
        ["products in TF32", { ...f32, product: roundToTf32 }],
        ["products in bf16", { ...f32, product: roundToBfloat16 }],
        ["sums in TF32", { ...f32, sum: roundToTf32 }],
        ["sums in bf16", { ...f32, sum: roundToBfloat16 }],
      ],
    };
    test.each(broken[variantName])("break %s, every time", (_, arithmetic) => {
      for (let seed = 0; seed < 30; seed++) {
        const lines = productsOf(entryName, variantName, { tokens: 24, in_features: 25, out_features: 23 }, `seed ${seed}`);
        expect(lines.some((terms) => sumInOrder(terms, arithmetic) !== Number(exact(terms)))).toBe(true);
      }
    });
  });
});

test("of float32 some need the very last bit of the mantissa", () => {
  const dropped = (value: number) => Math.round(value / 2) * 2;
  const seeds = Array.from({ length: 20 }, (_, seed) => `seed ${seed}`);
  const needing = seeds.filter((seed) =>
    productsOf("linear_forward", "f32", { tokens: 8, in_features: 9, out_features: 7 }, seed).every(
      (terms) => sumInOrder(terms, { ...f32, product: dropped }) !== Number(exact(terms)),
    ),
  );
  expect(needing.length).toBeGreaterThan(0);
});
