import { isReservedWord } from "./c-source.js";
import { checkBuffers } from "./check-buffers.js";
import type { Entry, KernelSpec, Sizes, Variant } from "./contracts/spec.js";
import { bytesPerElement, resolveType } from "./entry-signature.js";
import { evaluateFormula, FormulaError } from "./expression.js";
import { renameAdvice } from "./nearest-name.js";
import type { Fail, SpecPath } from "./spec-error.js";

/** Names that formulas know beside the sizes. */
const formulaNames = ["store_bytes", "accumulate_bytes"];

/** All buffers of an entry at once; twice this must fit into the memory of a usual machine. */
const maximumEntryBytes = 8 * 2 ** 30;

/** What the schema cannot say: that the parts of a spec fit each other. The schema must have accepted it. */
export function checkMeaning(spec: KernelSpec, fail: Fail): void {
  checkSizes(spec, fail);
  for (const [name, entry] of Object.entries(spec.entries)) {
    checkNames(spec, name, entry, fail);
    checkBuffers(spec, name, fail);
    checkScalars(name, entry, fail);
    checkFormulas(spec, name, entry, fail);
  }
}

function checkSizes(spec: KernelSpec, fail: Fail): void {
  const symbols = Object.keys(spec.sizes);
  const used = new Set(Object.values(spec.entries).flatMap((entry) => Object.values(entry.buffers).flatMap(({ shape }) => shape)));
  for (const [symbol, range] of Object.entries(spec.sizes)) {
    if (formulaNames.includes(symbol))
      fail(["sizes", symbol], `"${symbol}" has a meaning of its own in formulas`, "another name", "rename the size", "key");
    if (!used.has(symbol))
      fail(["sizes", symbol], `no buffer has the size "${symbol}"`, "sizes that occur in a shape", "use it in a shape or remove it", "key");
    for (const kind of ["small", "medium"] as const) {
      const [low, high] = range[kind];
      if (low > high) fail(["sizes", symbol, kind], `the range [${low}, ${high}] is empty`, "[lowest, highest]", `write [${high}, ${low}]`);
    }
  }
  const checkCase = (sizes: Sizes, path: SpecPath): void => {
    for (const symbol of symbols)
      if (!Object.hasOwn(sizes, symbol))
        fail(path, `this case has no value for "${symbol}"`, `values for ${symbols.join(", ")}`, `add ${symbol}: and a number`);
    for (const symbol of Object.keys(sizes))
      if (!symbols.includes(symbol))
        fail(
          [...path, symbol],
          `unknown size "${symbol}"`,
          `one of ${symbols.join(", ")}`,
          renameAdvice(symbol, symbols, "remove it"),
          "key",
        );
  };
  for (const kind of ["public", "timed"] as const)
    for (const [index, sizes] of spec.cases[kind].entries()) checkCase(sizes, ["cases", kind, index]);
}

/** Every name becomes one of C: a parameter or a function. */
function checkNames(spec: KernelSpec, name: string, entry: Entry, fail: Fail): void {
  const path: SpecPath = ["entries", name];
  const reserved = (word: string, at: SpecPath): void => {
    if (isReservedWord(word))
      fail(at, `"${word}" is a word of C, C++ or forge.h`, "a name that is free in all of them", "choose another name", "key");
  };
  reserved(name, path);
  for (const symbol of Object.keys(spec.sizes)) reserved(symbol, ["sizes", symbol]);
  for (const buffer of Object.keys(entry.buffers)) {
    reserved(buffer, [...path, "buffers", buffer]);
    if (Object.hasOwn(spec.sizes, buffer))
      fail([...path, "buffers", buffer], `"${buffer}" is also a size`, "different names for parameters", "rename the buffer", "key");
  }
  for (const scalar of Object.keys(entry.scalars ?? {})) {
    reserved(scalar, [...path, "scalars", scalar]);
    if (Object.hasOwn(spec.sizes, scalar) || Object.hasOwn(entry.buffers, scalar))
      fail(
        [...path, "scalars", scalar],
        `"${scalar}" is also a size or a buffer`,
        "different names for parameters",
        "rename the scalar",
        "key",
      );
  }
}

function checkScalars(name: string, entry: Entry, fail: Fail): void {
  for (const [scalar, { type, values, timed }] of Object.entries(entry.scalars ?? {})) {
    if (type !== "i32") continue;
    const wrong = [...values, timed].find((value) => !Number.isInteger(value) || Math.abs(value) >= 2 ** 31);
    if (wrong !== undefined)
      fail(
        ["entries", name, "scalars", scalar],
        `${wrong} is no 32-bit integer`,
        "whole numbers below 2^31",
        "correct it, or choose the type accumulate",
      );
  }
}

function elementsOf(shape: string[], sizes: Sizes): number {
  return shape.reduce((product, symbol) => product * sizes[symbol]!, 1);
}

/** Formulas must hold at all sizes that are known beforehand, for every variant. */
function checkFormulas(spec: KernelSpec, name: string, entry: Entry, fail: Fail): void {
  const path: SpecPath = ["entries", name];
  const largest = Object.fromEntries(Object.entries(spec.sizes).map(([symbol, { medium }]) => [symbol, medium[1]]));
  for (const variant of Object.values(spec.variants)) {
    for (const sizes of [...spec.cases.public, ...spec.cases.timed]) {
      checkFormula(entry.flops, [...path, "flops"], sizes, variant, fail);
      checkFormula(entry.bytes, [...path, "bytes"], sizes, variant, fail);
    }
    for (const sizes of [...spec.cases.public, ...spec.cases.timed, largest]) {
      const buffers = Object.values(entry.buffers);
      const bytes = buffers.reduce(
        (sum, { shape, type }) => sum + elementsOf(shape, sizes) * bytesPerElement(resolveType(type, variant)),
        0,
      );
      if (bytes > maximumEntryBytes)
        fail(
          path,
          `the buffers take ${(bytes / 2 ** 30).toFixed(1)} GiB at ${JSON.stringify(sizes)}`,
          "at most 8 GiB",
          "choose smaller sizes",
          "key",
        );
    }
  }
}

function checkFormula(formula: string, path: SpecPath, sizes: Sizes, variant: Variant, fail: Fail): void {
  const values = { ...sizes, store_bytes: bytesPerElement(variant.store), accumulate_bytes: bytesPerElement(variant.accumulate) };
  try {
    const value = evaluateFormula(formula, values);
    if (!(value > 0)) fail(path, `the formula gives ${value} at ${JSON.stringify(sizes)}`, "a positive number", "correct the formula");
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    fail(path, error.message, `arithmetic over ${Object.keys(values).join(", ")}`, "correct the formula");
  }
}
