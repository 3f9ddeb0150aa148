import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluateFormula, FormulaError } from "../../specs/expression.js";

describe("evaluateFormula", () => {
  it.each([
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["2 - 3 - 4", -5],
    ["16 / 4 / 2", 2],
    ["-rows + --dim", 4],
    ["  rows*dim*store_bytes ", 84],
    ["1.5e2", 150],
  ])("%s = %d", (formula, expected) => {
    expect(evaluateFormula(formula, { rows: 3, dim: 7, store_bytes: 4 })).toBeCloseTo(expected, 12);
  });

  it.each([
    ["rows * colums", /column 8: unknown name "colums"; known are rows/],
    ["rows *", /ends too early/],
    ["rows ^ 2", /column 6: unexpected "\^"/],
    ["(rows", /expected "\)"/],
    ["rows rows", /column 6: unexpected "rows"/],
    ["1 / (rows - rows)", /gives Infinity/],
    ["toString", /unknown name/],
    ["constructor", /unknown name/],
    [`${"(".repeat(100)}1`, /nested too deeply/],
  ])("says what is wrong with %s", (formula, expected) => {
    expect(() => evaluateFormula(formula, { rows: 3 })).toThrow(FormulaError);
    expect(() => evaluateFormula(formula, { rows: 3 })).toThrow(expected);
  });

  it("agrees with JavaScript on any formula", () => {
    const { formula } = fc.letrec<{ formula: string }>((tie) => ({
      formula: fc.oneof(
        { maxDepth: 5 },
        fc.integer({ min: 1, max: 99 }).map(String),
        fc.constantFrom("a", "b"),
        fc
          .tuple(tie("formula"), fc.constantFrom("+", "-", "*", "/"), tie("formula"))
          .map(([left, sign, right]) => `(${left} ${sign} ${right})`),
        fc.tuple(tie("formula"), fc.constantFrom("+", "*"), tie("formula")).map(([left, sign, right]) => `${left}${sign}${right}`),
      ),
    }));
    fc.assert(
      fc.property(formula, (text) => {
        const expected = new Function("a", "b", `return ${text}`)(3, 5) as number;
        if (Number.isFinite(expected)) expect(evaluateFormula(text, { a: 3, b: 5 })).toBe(expected);
        else expect(() => evaluateFormula(text, { a: 3, b: 5 })).toThrow(FormulaError);
      }),
    );
  });

  it("never throws anything but FormulaError", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(typeof evaluateFormula(text, { a: 1 })).toBe("number");
        } catch (error) {
          expect(error).toBeInstanceOf(FormulaError);
        }
      }),
    );
  });
});
