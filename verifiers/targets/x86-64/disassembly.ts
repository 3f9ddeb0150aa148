import { printedText } from "../printed-text.js";
import { candidateFile } from "../remarks.js";
import type { SourceLine } from "../source-lines.js";

export interface Instruction {
  address: number;
  text: string;
  source: SourceLine;
  /** Where a direct jump goes, and whether what follows may be executed too. */
  jump: { to: number; conditional: boolean } | null;
  /** Nothing falls through a return or an indirect jump. */
  ends: boolean;
}

export interface MachineFunction {
  name: string;
  instructions: Instruction[];
}

/** `--inlines`: intrinsics lie in the compiler's headers, what counts is the line that uses them. */
export const objdumpOptions = ["-d", "-l", "--inlines", "--no-show-raw-insn", "-M", "intel"];

const header = /^[0-9a-f]+ <(.*)>:$/;
const place = /^(inlined by )?(\/[^:]*|[^:\s]+):(\d+)(?: \(.*\))?$/;
const instructionLine = /^\s+([0-9a-f]+):\t(.*)$/;
const directJump = /^(?:(?:bnd|notrack) )?(j\w+|loop\w*)\s+([0-9a-f]+)\b/;

/** What objdump prints with `objdumpOptions`, by function in the order of addresses. */
export function parseDisassembly(listing: string): MachineFunction[] {
  const functions: MachineFunction[] = [];
  // The innermost place is printed where it changes, the chain of callers before every instruction.
  let innermost: SourceLine = null;
  let callers: SourceLine[] = [];
  for (const line of listing.split("\n")) {
    const name = header.exec(line)?.[1];
    if (name !== undefined) {
      functions.push({ name: printedText(name, 120), instructions: [] });
      innermost = null;
      callers = [];
      continue;
    }
    const [, inlined, file, number] = place.exec(line) ?? [];
    if (file !== undefined) {
      const found = { file: printedText(candidateFile(file), 200), line: Number(number) };
      if (inlined === undefined) [innermost, callers] = [found, []];
      else callers.push(found);
      continue;
    }
    const [, address, text] = instructionLine.exec(line) ?? [];
    if (address === undefined) continue;
    const source = [innermost, ...callers].find((candidate) => candidate !== null && !candidate.file.startsWith("/")) ?? null;
    functions.at(-1)?.instructions.push(instructionOf(Number.parseInt(address, 16), text!, source));
    callers = [];
  }
  return functions.filter(({ instructions }) => instructions.length > 0);
}

function instructionOf(address: number, printed: string, source: SourceLine): Instruction {
  const text = printedText(printed.replaceAll("\t", " ").replace(/\s+/g, " ").trim(), 120);
  const [, mnemonic, to] = directJump.exec(text) ?? [];
  const jump = to === undefined ? null : { to: Number.parseInt(to, 16), conditional: mnemonic !== "jmp" };
  return { address, text, source, jump, ends: /^(?:(?:bnd|notrack|repz?) )?(?:ret|hlt|ud2|jmp)\b/.test(text) };
}
