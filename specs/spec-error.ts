/** What is wrong with a spec, where, what was expected instead and what to do about it. */
export interface SpecProblem {
  /** As the user gave it. */
  file: string;
  /** Both from 1. */
  line: number;
  column: number;
  problem: string;
  expected: string;
  remedy: string;
}

/** Control and direction characters must not reach a terminal, and a long text must not fill it. */
function shown(text: string): string {
  const escaped = text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
  return escaped.length > 600 ? `${escaped.slice(0, 600)}…` : escaped;
}

/** A spec that cannot be used: its author's to repair, and never a fault of Forge. */
export class SpecError extends Error implements SpecProblem {
  override name = "SpecError";
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly problem: string;
  readonly expected: string;
  readonly remedy: string;

  constructor({ file, line, column, problem, expected, remedy }: SpecProblem) {
    super(`${shown(file)}:${line}:${column}: ${shown(problem)}\n  expected: ${shown(expected)}\n  to do: ${shown(remedy)}`);
    this.file = file;
    this.line = line;
    this.column = column;
    this.problem = shown(problem);
    this.expected = shown(expected);
    this.remedy = shown(remedy);
  }
}

/** Where in the document: keys and indices from the root. */
export type SpecPath = (string | number)[];

/** Throws a SpecError for the place that a path leads to; `key` points at the last key itself instead of its value. */
export type Fail = (path: SpecPath, problem: string, expected: string, remedy: string, at?: "key" | "value") => never;

/** A path as people write it: entries.forward.buffers.x.shape[1]. */
export function showPath(path: SpecPath): string {
  if (path.length === 0) return "the spec";
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");
}
