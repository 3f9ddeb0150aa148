import type { Variant } from "./contracts/spec.js";

/** Text-level lowering of a plain C reference: the generated source stays what a person would read, with pragmas where loops were marked. */

/** Start and end (exclusive) of a function's definition, its leading comment included. */
export function definitionRange(text: string, name: string): { start: number; bodyStart: number; end: number } {
  const head = new RegExp(`^[A-Za-z_][\\w \\t*]*\\b${name}\\s*\\(`, "m").exec(text);
  const open = head ? text.indexOf("{", head.index) : -1;
  if (!head || open < 0) throw new Error(`the reference does not define the function ${name}`);
  let depth = 0;
  let position = open;
  for (; position < text.length; position++) {
    if (text.startsWith("/*", position)) position = text.indexOf("*/", position) + 1;
    else if (text.startsWith("//", position)) position = text.indexOf("\n", position);
    else if (text[position] === "{") depth++;
    else if (text[position] === "}" && --depth === 0) break;
  }
  const before = text.slice(0, head.index);
  const comment = /\/\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(before);
  return { start: comment ? comment.index : head.index, bodyStart: open, end: position + 1 };
}

/** The reference with only one of its entries; helper functions stay. */
export function keepEntry(text: string, entries: string[], keep: string): string {
  let result = text;
  for (const name of entries.filter((candidate) => candidate !== keep)) {
    const { start, end } = definitionRange(result, name);
    result = `${result.slice(0, start).trimEnd()}\n\n${result.slice(end).trimStart()}`;
  }
  return `${result.trim()}\n`;
}

/** Puts a pragma on the line before the loop over `variable` in function `name`. */
export function insertPragma(text: string, name: string, variable: string, pragma: string): string {
  const { bodyStart, end } = definitionRange(text, name);
  const loop = new RegExp(`^([ \\t]*)for \\(\\s*\\w+ ${variable}\\b`, "m").exec(text.slice(bodyStart, end));
  if (!loop) throw new Error(`the function ${name} has no loop over ${variable} that starts a line`);
  const at = bodyStart + loop.index;
  return `${text.slice(0, at)}${loop[1]}#pragma ${pragma}\n${text.slice(at)}`;
}

/** From a loop's `for` to the end of its statement, both as positions in the text. */
function loopRange(text: string, name: string, variable: string): { start: number; end: number } | null {
  const { bodyStart, end } = definitionRange(text, name);
  const loop = new RegExp(`^[ \\t]*for \\(\\s*\\w+ ${variable}\\b`, "m").exec(text.slice(bodyStart, end));
  if (!loop) return null;
  const start = bodyStart + loop.index;
  let depth = 0;
  for (let position = text.indexOf("(", start); position < end; position++) {
    const character = text[position]!;
    if (character === "(" || character === "{") depth++;
    else if (character === ")") depth--;
    else if (character === "}" && --depth === 0) return { start, end: position + 1 };
    else if (character === ";" && depth === 0) return { start, end: position + 1 };
  }
  return { start, end };
}

/** Independent loops that stand in no other independent loop (`outer`), and those that do (`inner`). */
export function splitLoops(text: string, name: string, variables: string[]): { outer: string[]; inner: string[] } {
  const ranges = variables.flatMap((variable) => {
    const range = loopRange(text, name, variable);
    return range ? [{ variable, ...range }] : [];
  });
  const inside = (loop: (typeof ranges)[number]) => ranges.some((other) => other.start < loop.start && loop.end <= other.end);
  return {
    outer: ranges.filter((loop) => !inside(loop)).map((loop) => loop.variable),
    inner: ranges.filter(inside).map((loop) => loop.variable),
  };
}

export const parallelPragma = "omp parallel for schedule(static) num_threads(FORGE_THREADS)";

/** The reference with OpenMP on the outermost of the given independent loops of every entry. */
export function parallelise(text: string, loops: Record<string, string[]>): string {
  let result = text;
  for (const [entry, variables] of Object.entries(loops))
    for (const variable of splitLoops(text, entry, variables).outer) result = insertPragma(result, entry, variable, parallelPragma);
  return result;
}

const typeMacros = { f64: "F64", f32: "F32", bf16: "BF16" } as const;

/** Flags that give a text written over STORE and ACC its types. */
export function typeFlags(types: Variant | "oracle"): string[] {
  const [store, accumulate] = types === "oracle" ? (["f64", "f64"] as const) : ([types.store, types.accumulate] as const);
  return [`-DFORGE_STORE_${typeMacros[store]}`, `-DFORGE_ACCUMULATE_${typeMacros[accumulate]}`];
}
