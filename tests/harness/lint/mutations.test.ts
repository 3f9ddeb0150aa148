import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokensOf } from "../../../harness/lint/c-tokens.js";
import { lineDiff } from "../../../harness/lint/line-diff.js";
import { applyMutation, mutationsOf } from "../../../harness/lint/mutations.js";

const names = { sizes: ["rows", "dim"], scalars: ["eps"], inputs: ["x", "scale"] };
const body = (statement: string) =>
  `int f(const STORE *x, const ACC *scale, STORE *y, int64_t rows, int64_t dim, ACC eps) {\n  ${statement}\n}\n`;
const changes = (statement: string) =>
  mutationsOf(body(statement), names).map(({ rule, before, after }) => `${rule}: ${before} -> ${after}`);

describe("tokens", () => {
  it("leave out comments, strings and includes, and keep what a macro stands for", () => {
    const text = "#include \"a + b\"\n#define TWICE(v) (v * 2) /* 3 + 4 */\nint g = 5; // 6 - 7\nchar c = '+';\n";
    expect(tokensOf(text).map((token) => token.text)).toEqual(["(", "v", "*", "2", ")", "int", "g", "=", "5", ";", "char", "c", "=", ";"]);
  });

  it("lie where they say", () => {
    const source = readFileSync("reference-kernels/rmsnorm.c", "utf8");
    for (const { text, start, end } of tokensOf(source)) expect(source.slice(start, end)).toBe(text);
  });
});

describe("mutations", () => {
  it("of an operator: its counterparts", () => {
    expect(changes("y[0] = a + b;")).toContain("operator: + -> -");
    expect(changes("if (a == b) c += d;")).toEqual(
      expect.arrayContaining(["operator: == -> !=", "operator: += -> -=", "statement: c += d -> "]),
    );
  });

  it("of a sign: none of the operator's, the sign left out", () => {
    expect(changes("y[0] = -a;").filter((change) => change.startsWith("operator"))).toEqual(["operator: - -> "]);
  });

  it("not of a star that means a pointer, nor of a cast", () => {
    expect(changes("const STORE *p = q, *s = t;").filter((change) => change.startsWith("operator"))).toEqual([]);
    expect(changes("ACC v = (ACC)dim;").filter((change) => change.startsWith("operator"))).toEqual([]);
  });

  it("of a constant: its neighbours; of a fraction a little more, and its negative", () => {
    expect(changes("ACC v = 3;")).toEqual(["constant: 3 -> 4", "constant: 3 -> 2"]);
    expect(changes("ACC v = 0.5f;")).toEqual(["constant: 0.5f -> (0.5f * (ACC)1.001)", "constant: 0.5f -> (-0.5f)"]);
  });

  it("of an index: one too far, one too near, another stride", () => {
    expect(changes("y[r * dim] = z;")).toEqual(
      expect.arrayContaining(["index: r * dim -> (r * dim) + 1", "index: r * dim -> (r * dim) - 1", "index: dim -> rows"]),
    );
  });

  it("of the bounds of loops and sums; never of what ends a round of a loop", () => {
    const found = changes("for (int64_t r = 0; r < rows; r += 4) SUM(s, k, dim, load(x[k]));");
    expect(found).toEqual(
      expect.arrayContaining([
        "constant: 4 -> 5",
        "bound: rows -> (rows) - 1",
        "operator: < -> <=",
        "bound: dim -> (dim) - 1",
        "bound: dim -> (dim) + 1",
      ]),
    );
    expect(found.filter((change) => change.includes("+="))).toEqual([]);
  });

  it("of operands: a parameter as if it were not there", () => {
    expect(changes("y[0] = store(load(x[1]) * scale[2] + eps);")).toEqual(
      expect.arrayContaining(["operand: load(x[1]) -> ((ACC)1)", "operand: scale[2] -> 1", "operand: eps -> 0"]),
    );
  });

  it("of functions: left out", () => {
    expect(changes("ACC v = 1 / SQRT(a);")).toContain("function: SQRT(a) -> (a)");
  });

  it("each change the text in one place, and can be shown", () => {
    for (const file of ["rmsnorm", "linear", "softmax_cross_entropy"]) {
      const source = readFileSync(`reference-kernels/${file}.c`, "utf8");
      const mutations = mutationsOf(source, names);
      expect(mutations.length).toBeGreaterThan(90);
      for (const mutation of mutations) {
        const mutated = applyMutation(source, mutation);
        expect(mutated).not.toBe(source);
        expect(mutated.length - source.length).toBe(mutation.after.length - mutation.before.length);
        expect(lineDiff(source, mutated).length).toBeGreaterThanOrEqual(2);
      }
    }
  });

  it("of any text end, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(..."(){}[];,=+-*/<>#\"'\n ax1", "/*", "for", "SUM(")), (parts) => {
        mutationsOf(parts.join(""), names);
      }),
      { numRuns: 2000 },
    );
  });
});
