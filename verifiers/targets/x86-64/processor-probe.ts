import { existsSync } from "node:fs";
import { execa } from "execa";

/** The initialiser of libgcc that `__builtin_cpu_supports` and `target_clones` bring along: it asks the processor what it can do. */
const probeName = "__cpu_indicator_init";

/** Text of each function without addresses, which linking changes. */
function functionsIn(disassembly: string): Map<string, string> {
  const functions = new Map<string, string>();
  for (const block of disassembly.split(/\n(?=[0-9a-f]+ <.*>:\n)/)) {
    const name = /^[0-9a-f]+ <(.*)>:\n/.exec(block)?.[1];
    if (name === undefined) continue;
    const lines = [...block.matchAll(/^\s*[0-9a-f]+:\s+(.*)$/gm)].map(([, text]) => withoutAddresses(text!));
    // What fills up to the next function is the linker's.
    while (/^(?:nop|data16|xchg %ax,%ax|cs )/.test(lines.at(-1) ?? "")) lines.pop();
    functions.set(name, lines.join("\n"));
  }
  return functions;
}

const withoutAddresses = (instruction: string): string =>
  instruction
    .replace(/#.*$/, "")
    .replace(/-?0x[0-9a-f]+\(%rip\)/g, "(%rip)")
    .replace(/^(\S+)\s+[0-9a-f]+ <.*>\s*$/, "$1")
    .replace(/\s+/g, " ")
    .trim();

let known: Promise<Map<string, string>> | null = null;

/** The functions of libgcc's own probe; none where no libgcc is found. */
function knownProbe(): Promise<Map<string, string>> {
  known ??= (async () => {
    const { stdout: library } = await execa("gcc", ["-print-libgcc-file-name"], { reject: false });
    if (!existsSync(library)) return new Map();
    const { stdout } = await execa("objdump", ["-d", "--no-show-raw-insn", library], { maxBuffer: 1 << 28, reject: false });
    const member = stdout.split(/\n(?=cpuinfo\.o:)/)[1]?.split(/\n(?=\S+\.o:)/)[0] ?? "";
    return functionsIn(member);
  })();
  return known;
}

/**
 * True where the object's second initialiser is libgcc's probe, instruction by instruction, and nothing that only has its name.
 * `initialisers`: what .init_array points to.
 */
export async function isProcessorProbe(initialisers: bigint[], symbols: string, disassembly: string): Promise<boolean> {
  const address = new RegExp(`^([0-9a-f]+) [tT] ${probeName}$`, "m").exec(symbols)?.[1];
  if (address === undefined || !initialisers.includes(BigInt(`0x${address}`))) return false;
  const probe = await knownProbe();
  const own = functionsIn(disassembly);
  return probe.has(probeName) && [...probe].every(([name, text]) => own.get(name) === text);
}
