import type { BufferSpec, Draw, Entry, InputBuffer, KernelSpec, OutputBuffer } from "./contracts/spec.js";
import { renameAdvice } from "./nearest-name.js";
import type { Fail, SpecPath } from "./spec-error.js";

/** Shapes, draws, slices and references between the buffers of an entry. */
export function checkBuffers(spec: KernelSpec, entryName: string, fail: Fail): void {
  const entry = spec.entries[entryName]!;
  const path: SpecPath = ["entries", entryName, "buffers"];
  const symbols = Object.keys(spec.sizes);
  const roles = Object.values(entry.buffers).map(({ role }) => role);
  for (const role of ["input", "output"] as const)
    if (!roles.includes(role))
      fail(path, `${entryName} has no ${role}`, "at least one input and one output", `add a buffer with role: ${role}`, "key");

  for (const [name, buffer] of Object.entries(entry.buffers)) {
    buffer.shape.forEach((symbol, index) => {
      if (!symbols.includes(symbol))
        fail(
          [...path, name, "shape", index],
          `unknown size "${symbol}"`,
          `one of ${symbols.join(", ")}`,
          renameAdvice(symbol, symbols, "declare it under sizes"),
        );
    });
    if (new Set(buffer.shape).size < buffer.shape.length)
      fail(
        [...path, name, "shape"],
        "a size occurs twice in this shape",
        "each size once",
        "declare a second size for the other dimension",
      );
    if (buffer.role === "input") checkInput(spec, entryName, name, buffer, fail);
    else checkOutput(entry, buffer, [...path, name], fail);
  }
  checkBilinear(entryName, entry, fail);
}

function checkInput(spec: KernelSpec, entryName: string, name: string, buffer: InputBuffer, fail: Fail): void {
  const entry = spec.entries[entryName]!;
  const path: SpecPath = ["entries", entryName, "buffers", name];
  const { draw } = buffer;
  if ((buffer.type === "i32") !== (draw?.kind === "index") && draw?.kind !== "from")
    fail(
      path,
      `the input "${name}" has the type ${buffer.type} and the draw ${draw?.kind ?? "signal"}`,
      "draw kind index for i32, and for nothing else",
      "change type or draw",
    );
  if (draw?.kind === "index") checkIndexDraw(spec, entry, buffer, draw, [...path, "draw"], fail);
  if (draw?.kind === "from") checkFromDraw(spec, entryName, name, buffer, draw.entry, fail);
}

function checkIndexDraw(
  spec: KernelSpec,
  entry: Entry,
  buffer: BufferSpec,
  draw: Extract<Draw, { kind: "index" }>,
  path: SpecPath,
  fail: Fail,
): void {
  const symbols = Object.keys(spec.sizes);
  if (!symbols.includes(draw.below))
    fail(
      [...path, "below"],
      `unknown size "${draw.below}"`,
      `one of ${symbols.join(", ")}`,
      renameAdvice(draw.below, symbols, "name a size"),
    );
  if (draw.ignore !== undefined && (draw.ignore >= 0 || draw.ignore < -(2 ** 31)))
    fail([...path, "ignore"], `ignore is ${draw.ignore}`, "a negative 32-bit integer, which no index can be", "write -100, say");
  if (draw.peak_of === undefined) return;
  const peak = entry.buffers[draw.peak_of];
  const expected = [...buffer.shape, draw.below].join(", ");
  if (!Object.hasOwn(entry.buffers, draw.peak_of) || peak?.role !== "input" || peak.shape.join(", ") !== expected)
    fail(
      [...path, "peak_of"],
      `"${draw.peak_of}" is no input of the shape [${expected}]`,
      "an input of the same entry with one more dimension",
      "name that input or remove peak_of",
    );
}

function checkFromDraw(spec: KernelSpec, entryName: string, name: string, buffer: InputBuffer, from: string, fail: Fail): void {
  const path: SpecPath = ["entries", entryName, "buffers", name, "draw", "entry"];
  const entries = Object.keys(spec.entries);
  if (!entries.includes(from))
    fail(path, `unknown entry "${from}"`, `one of ${entries.join(", ")}`, renameAdvice(from, entries, "name an entry"));
  const outputs = Object.entries(spec.entries[from]!.buffers).filter(([, { role }]) => role === "output");
  const output = outputs.find(([candidate]) => candidate === name)?.[1];
  if (output === undefined)
    fail(
      path,
      `${from} has no output "${name}"`,
      `an input named like an output of ${from}: ${outputs.map(([candidate]) => candidate).join(", ")}`,
      "rename one of the two",
    );
  if (output.shape.join() !== buffer.shape.join() || output.type !== buffer.type)
    fail(
      path,
      `"${name}" is ${output.type}[${output.shape.join(", ")}] in ${from} and ${buffer.type}[${buffer.shape.join(", ")}] here`,
      "the same type and shape",
      "make them equal",
    );
  // The other entry is evaluated on this entry's inputs of the same names, or its output would belong to another case.
  for (const [needed, other] of Object.entries(spec.entries[from]!.buffers)) {
    const own = Object.hasOwn(spec.entries[entryName]!.buffers, needed) ? spec.entries[entryName]!.buffers[needed] : undefined;
    if (other.role === "input" && (own?.role !== "input" || own.type !== other.type || own.shape.join() !== other.shape.join()))
      fail(
        path,
        `${from} computes "${name}" from "${needed}", which is no such input of ${entryName}`,
        `an input ${needed}: ${other.type}[${other.shape.join(", ")}] here too`,
        "add that input, or draw this one otherwise",
      );
  }
  const seen = new Set([entryName]);
  const pending = [from];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next === entryName)
      fail(
        path,
        `to draw "${name}", ${entryName} would need its own result`,
        "entries that do not draw from each other in a circle",
        "draw one of them otherwise",
      );
    if (seen.has(next) || !Object.hasOwn(spec.entries, next)) continue;
    seen.add(next);
    for (const other of Object.values(spec.entries[next]!.buffers))
      if (other.role === "input" && other.draw?.kind === "from") pending.push(other.draw.entry);
  }
}

function checkOutput(entry: Entry, output: OutputBuffer, path: SpecPath, fail: Fail): void {
  const subset = (key: "slice" | "row", symbols: string[]): void =>
    symbols.forEach((symbol, index) => {
      if (!output.shape.includes(symbol))
        fail(
          [...path, key, index],
          `"${symbol}" is not in the shape`,
          `one of ${output.shape.join(", ")}`,
          renameAdvice(symbol, output.shape, "remove it"),
        );
      if (symbols.indexOf(symbol) !== index) fail([...path, key, index], `"${symbol}" occurs twice`, "each symbol once", "remove one");
    });
  subset("slice", output.slice);
  // A slice of what indices point into would leave them pointing past its end.
  const pointed = Object.values(entry.buffers).flatMap((buffer) =>
    buffer.role === "input" && buffer.draw?.kind === "index" ? [buffer.draw.below] : [],
  );
  const unsliceable = output.slice.findIndex((symbol) => pointed.includes(symbol));
  if (unsliceable !== -1)
    fail(
      [...path, "slice", unsliceable],
      `"${output.slice[unsliceable]}" is what an input counts in`,
      "symbols that no index draw is below",
      "remove it from slice",
    );
  subset("row", output.row ?? []);
  if (output.row?.some((symbol, index) => symbol !== output.shape[index]))
    fail(
      [...path, "row"],
      `[${output.row.join(", ")}] does not begin the shape`,
      `the first sizes of ${output.shape.join(", ")}`,
      "name leading sizes only",
    );
  const rowOf = (buffer: OutputBuffer): string => (buffer.row ?? buffer.shape.slice(0, -1)).join(", ");
  output.error_scale?.forEach((name, index) => {
    const other = Object.hasOwn(entry.buffers, name) ? entry.buffers[name] : undefined;
    if (other?.role !== "output" || other === output)
      fail(
        [...path, "error_scale", index],
        `"${name}" is no other output of this entry`,
        "another output",
        "name an output or remove error_scale",
      );
    if (rowOf(other) !== rowOf(output))
      fail(
        [...path, "error_scale", index],
        `"${name}" has the rows [${rowOf(other)}], this output [${rowOf(output)}]`,
        "the same rows",
        "give both the same row:",
      );
  });
}

function checkBilinear(entryName: string, entry: Entry, fail: Fail): void {
  const path: SpecPath = ["entries", entryName, "bilinear"];
  entry.bilinear?.forEach((name, index) => {
    const buffer = Object.hasOwn(entry.buffers, name) ? entry.buffers[name] : undefined;
    const inputs = Object.keys(entry.buffers).filter((candidate) => entry.buffers[candidate]!.role === "input");
    if (buffer?.role !== "input" || buffer.type === "i32")
      fail(
        [...path, index],
        `"${name}" is no input of real numbers`,
        `one of ${inputs.join(", ")}`,
        renameAdvice(name, inputs, "name an input"),
      );
  });
  if (entry.bilinear === undefined) return;
  const [left, right] = entry.bilinear;
  if (left === right)
    fail(
      path,
      "the same input twice",
      "two different inputs",
      "an operation that is quadratic in one input is not bilinear: remove the key",
    );
  const kept = new Set(Object.values(entry.buffers).flatMap((buffer) => (buffer.role === "output" ? buffer.shape : [])));
  const summed = entry.buffers[left]!.shape.filter((symbol) => entry.buffers[right]!.shape.includes(symbol) && !kept.has(symbol));
  // Exact probes are built for one sum.
  if (summed.length !== 1)
    fail(
      path,
      `${left} and ${right} share ${summed.join(", ") || "no size"} that no output has`,
      "exactly one shared size, which is summed over",
      "remove bilinear",
    );
}
