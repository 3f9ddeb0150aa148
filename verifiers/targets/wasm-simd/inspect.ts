import type { ObjectFacts } from "../../../specs/contracts/target.js";

/** Exports that our link line adds for the runner; they are not the candidate's. */
export const runnerExports = ["memory", "__wasm_call_ctors", "malloc"];

/** Reads the WebAssembly binary format (core specification 5); throws on a torn file. */
class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    readonly end: number,
  ) {}

  byte(): number {
    if (this.position >= this.end) throw new Error(`WASM object ends early, at byte ${this.position}: build it again`);
    return this.bytes[this.position++]!;
  }

  /** Unsigned LEB128, at most 32 bits. */
  integer(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error(`WASM object has an overlong integer at byte ${this.position}: build it again`);
  }

  name(): string {
    const length = this.integer();
    if (this.position + length > this.end) throw new Error(`WASM object has a name that leaves its section at byte ${this.position}`);
    const name = Buffer.from(this.bytes.subarray(this.position, this.position + length)).toString("utf8");
    this.position += length;
    return name;
  }
}

function sectionsOf(bytes: Uint8Array): Map<number, Reader> {
  if (Buffer.from(bytes.subarray(0, 8)).toString("hex") !== "0061736d01000000") throw new Error("not a WASM object of version 1");
  const sections = new Map<number, Reader>();
  const all = new Reader(bytes, 8, bytes.length);
  while (all.position < bytes.length) {
    const identifier = all.byte();
    const length = all.integer();
    const end = all.position + length;
    if (end > bytes.length) throw new Error(`WASM object: section ${identifier} leaves the file`);
    sections.set(identifier, new Reader(bytes, all.position, end));
    all.position = end;
  }
  return sections;
}

function skipImportType(section: Reader, kind: number): void {
  const limits = () => {
    const flags = section.integer();
    section.integer();
    if ((flags & 1) !== 0) section.integer();
  };
  if (kind === 0) section.integer();
  else if (kind === 1) {
    section.byte();
    limits();
  } else if (kind === 2) limits();
  else if (kind === 3) {
    section.byte();
    section.byte();
  } else {
    section.byte();
    section.integer();
  }
}

/** True where function `index` (counted among the object's own) does nothing. */
function isEmptyFunction(code: Reader, index: number): boolean {
  const count = code.integer();
  for (let current = 0; current < count; current++) {
    const length = code.integer();
    if (current === index) return length === 2 && code.byte() === 0x00 && code.byte() === 0x0b;
    code.position += length;
  }
  return false;
}

/** What an object says of itself: judged on the binary, without compiling it in this process. */
export function inspectObject(bytes: Uint8Array): ObjectFacts {
  const sections = sectionsOf(bytes);
  const facts: ObjectFacts = { exports: [], imports: [], libraries: [], oddities: [] };
  let importedFunctions = 0;
  const imports = sections.get(2);
  for (let left = imports?.integer() ?? 0; left > 0; left--) {
    facts.imports.push(`${imports!.name()}.${imports!.name()}`);
    const kind = imports!.byte();
    if (kind === 0) importedFunctions++;
    skipImportType(imports!, kind);
  }
  const exports = sections.get(7);
  let initialiser: number | null = null;
  for (let left = exports?.integer() ?? 0; left > 0; left--) {
    const name = exports!.name();
    const kind = exports!.byte();
    const index = exports!.integer();
    if (name === "__wasm_call_ctors" && kind === 0) initialiser = index - importedFunctions;
    if (!runnerExports.includes(name)) facts.exports.push(name);
  }
  if (sections.has(8))
    facts.oddities.push({ law: "no code before the call", detail: "the object has a start function, which would run before any call" });
  const code = sections.get(10);
  if (initialiser !== null && code !== undefined && !isEmptyFunction(code, initialiser)) {
    facts.oddities.push({ law: "no code before the call", detail: "constructors (static initialisers) would have to run before any call" });
  }
  return facts;
}
