import { printedText } from "../printed-text.js";
import { candidateFile } from "../remarks.js";
import type { SourceLine } from "../source-lines.js";

export interface WasmFunction {
  name: string;
  instructions: { text: string; source: SourceLine }[];
}

export const objdumpOptions = ["-d", "-l", "--no-show-raw-insn"];

const header = /^[0-9a-f]+ <(.*)>:$/;
const place = /^; (\/?[^:\s][^:]*):(\d+)/;
const instruction = /^\s+[0-9a-f]+:\s+(\S.*)$/;

/** What llvm-objdump prints with `objdumpOptions`. */
export function parseListing(listing: string): WasmFunction[] {
  const functions: WasmFunction[] = [];
  let source: SourceLine = null;
  for (const line of listing.split("\n")) {
    const name = header.exec(line)?.[1];
    if (name !== undefined) {
      functions.push({ name: printedText(name, 120), instructions: [] });
      source = null;
      continue;
    }
    const [, file, number] = place.exec(line) ?? [];
    if (file !== undefined) {
      const inside = printedText(candidateFile(file), 200);
      // The compiler's own headers are nobody's place: what they are used by comes before them.
      if (!inside.startsWith("/")) source = { file: inside, line: Number(number) };
      continue;
    }
    const text = instruction.exec(line)?.[1];
    if (text !== undefined) functions.at(-1)?.instructions.push({ text: printedText(text.replace(/\s+/g, " ").trim(), 120), source });
  }
  return functions.filter(({ instructions }) => instructions.length > 0);
}

/** Indices of the instructions in loops that hold no other loop, in order. */
export function innermostLoops({ instructions }: WasmFunction): number[] {
  const open: { kind: string; from: number; holdsLoop: boolean }[] = [];
  const inside: number[] = [];
  for (const [index, { text }] of instructions.entries()) {
    const kind = /^\w+/.exec(text)?.[0] ?? "";
    if (kind === "block" || kind === "loop" || kind === "if") {
      if (kind === "loop") for (const outer of open) outer.holdsLoop = true;
      open.push({ kind, from: index, holdsLoop: false });
    } else if (/^end\b(?!_)/.test(text)) {
      const closed = open.pop();
      if (closed?.kind !== "loop" || closed.holdsLoop) continue;
      for (let at = closed.from; at <= index; at++) inside.push(at);
    }
  }
  return inside;
}
