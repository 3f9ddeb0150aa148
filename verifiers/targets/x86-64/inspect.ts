import { execa } from "execa";
import type { Artifact, ObjectFacts } from "../../../specs/contracts/target.js";
import { isProcessorProbe } from "./processor-probe.js";

/** Reads what the object says of itself with binutils; nothing of it is executed. */
export async function inspectObject(artifact: Artifact): Promise<ObjectFacts> {
  const [symbols, allSymbols, dynamic, sections, code, relocations] = await Promise.all([
    execa("nm", ["-D", "--without-symbol-versions", artifact.path]),
    execa("nm", [artifact.path], { maxBuffer: 1 << 28 }),
    execa("readelf", ["-dW", artifact.path]),
    execa("readelf", ["-SlW", artifact.path]),
    execa("objdump", ["-d", "--no-show-raw-insn", artifact.path], { maxBuffer: 1 << 28 }),
    execa("readelf", ["-rW", artifact.path], { maxBuffer: 1 << 28 }),
  ]);
  const rows = symbols.stdout.split("\n").map((line) => line.trim().split(/\s+/));
  const imports = rows.filter((row) => row.length === 2 && row[0] === "U").map((row) => row[1]!);
  const exports = rows.filter((row) => row.length === 3 && /^[TDBRVWi]$/.test(row[1]!)).map((row) => row[2]!);
  const libraries = [...dynamic.stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]!);
  return {
    exports,
    imports,
    libraries,
    oddities: [
      ...findOddSections(sections.stdout, dynamic.stdout),
      ...(await findEarlyCode(sections.stdout, allSymbols.stdout, code.stdout, relocations.stdout)),
      ...findOddInstructions(code.stdout),
      ...findHiddenCode(code.stdout),
    ],
  };
}

function findOddSections(sections: string, dynamic: string): ObjectFacts["oddities"] {
  const oddities: ObjectFacts["oddities"] = [];
  if (/\(TEXTREL\)/.test(dynamic)) oddities.push({ law: "no self-modifying code", detail: "the object asks for text relocations" });
  if (/GNU_STACK.*RWE/.test(sections)) oddities.push({ law: "no executable data", detail: "the object asks for an executable stack" });
  if (/LOAD.*RWE/.test(sections)) oddities.push({ law: "no executable data", detail: "a segment is writable and executable" });
  return oddities;
}

/** What crti.o and crtn.o make of `.init`; anything more is somebody's code. */
const usualInit = /^(?:endbr64 )?sub mov test je call add ret$/;
/** Functions that start files call where somebody defines them. */
const calledByStartFiles = / [tTiWV] (__gmon_start__|_ITM_(?:de)?registerTMCloneTable|__cxa_finalize)$/m;

/**
 * Code that would run when the object is loaded. Resolvers of indirect functions are left alone, for `target_clones` makes them:
 * what they can change is seen after the first call.
 */
async function findEarlyCode(sections: string, symbols: string, code: string, relocations: string): Promise<ObjectFacts["oddities"]> {
  const law = "no code before the call";
  const oddities: ObjectFacts["oddities"] = [];
  const initialisers = initialisersIn(sections, relocations);
  // One is the compiler's own frame_dummy; libgcc's probe of the processor is the other that may be.
  if (initialisers.length > ((await isProcessorProbe(initialisers, symbols, code)) ? 2 : 1))
    oddities.push({ law, detail: "the object has initialisers that run when it is loaded" });
  if (/\.preinit_array/.test(sections)) oddities.push({ law, detail: "the object has pre-initialisers" });
  const init = /^Disassembly of section \.init:\n([\s\S]*?)(?=^Disassembly|$(?![\s\S]))/m.exec(code)?.[1];
  const instructions = [...(init ?? "").matchAll(/^\s*[0-9a-f]+:\s+(\S+)/gm)].map((match) => match[1]).join(" ");
  if (instructions !== "" && !usualInit.test(instructions)) oddities.push({ law, detail: "the object adds code to its .init section" });
  const standIn = calledByStartFiles.exec(symbols);
  if (standIn) oddities.push({ law, detail: `the object defines ${standIn[1]}, which start files call` });
  return oddities;
}

/** Addresses of the functions in .init_array; an entry that no relative relocation fills counts as 0. */
function initialisersIn(sections: string, relocations: string): bigint[] {
  const section = /\.init_array\s+INIT_ARRAY\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)/.exec(sections);
  if (!section) return [];
  const [first, bytes] = [BigInt(`0x${section[1]}`), BigInt(`0x${section[2]}`)];
  const filled = new Map(
    [...relocations.matchAll(/^([0-9a-f]+)\s+[0-9a-f]+\s+R_X86_64_RELATIVE\s+([0-9a-f]+)$/gm)].map(([, at, to]) => [
      BigInt(`0x${at}`),
      BigInt(`0x${to}`),
    ]),
  );
  return Array.from({ length: Number(bytes / 8n) }, (_, index) => filled.get(first + 8n * BigInt(index)) ?? 0n);
}

const forbiddenInstructions: Record<string, string> = {
  syscall: "no system calls of its own",
  sysenter: "no system calls of its own",
  int: "no system calls of its own",
  rdtsc: "no clocks",
  rdtscp: "no clocks",
  wrpkru: "no changes of memory protection",
};

function findOddInstructions(code: string): ObjectFacts["oddities"] {
  const found = new Map<string, string>();
  let within = "";
  for (const line of code.split("\n")) {
    const header = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (header) within = header[1]!;
    const mnemonic = /^\s*[0-9a-f]+:\s+(\S+)/.exec(line)?.[1];
    if (mnemonic && mnemonic in forbiddenInstructions && !found.has(mnemonic)) found.set(mnemonic, within);
  }
  return [...found].map(([mnemonic, where]) => ({ law: forbiddenInstructions[mnemonic]!, detail: `instruction ${mnemonic} in ${where}` }));
}

/**
 * Jumps to where no instruction begins: what is executed there is not what stands in the disassembly. No compiler makes such jumps.
 * Does not cover jumps to computed addresses.
 */
function findHiddenCode(code: string): ObjectFacts["oddities"] {
  const starts = new Set<string>();
  const jumps: { target: string; within: string }[] = [];
  const sections: { first: number; last: number }[] = [];
  let within = "";
  for (const line of code.split("\n")) {
    const header = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (header) within = header[1]!;
    if (line.startsWith("Disassembly of section")) sections.push({ first: Number.POSITIVE_INFINITY, last: 0 });
    const instruction = /^\s*([0-9a-f]+):\s+(?:(?:bnd|notrack) )?(\S+)(?:\s+([0-9a-f]+) <)?/.exec(line);
    if (!instruction) continue;
    const [, address, mnemonic, target] = instruction;
    starts.add(address!);
    const section = sections.at(-1);
    if (section)
      Object.assign(section, { first: Math.min(section.first, Number.parseInt(address!, 16)), last: Number.parseInt(address!, 16) });
    if (target !== undefined && /^(?:j|call|loop|xbegin)/.test(mnemonic!)) jumps.push({ target, within });
  }
  const isInside = (target: string) =>
    sections.some(({ first, last }) => Number.parseInt(target, 16) >= first && Number.parseInt(target, 16) <= last);
  const hidden = jumps.find(({ target }) => !starts.has(target) && isInside(target));
  return hidden ? [{ law: "no hidden code", detail: `${hidden.within} jumps into the middle of an instruction, to ${hidden.target}` }] : [];
}
