/** One step of a classic BPF program; jumps name labels, null means the next instruction. */
export type Instruction =
  | { kind: "label"; name: string }
  | { kind: "plain"; code: number; operand: number }
  | { kind: "jump"; code: number; operand: number; whenTrue: string | null; whenFalse: string | null };

// Opcodes of linux/bpf_common.h.
const LOAD_WORD_ABSOLUTE = 0x20;
const RETURN_CONSTANT = 0x06;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_SET = 0x45;
const FURTHEST_JUMP = 255;

export const label = (name: string): Instruction => ({ kind: "label", name });
export const loadWord = (offset: number): Instruction => ({ kind: "plain", code: LOAD_WORD_ABSOLUTE, operand: offset });
export const result = (value: number): Instruction => ({ kind: "plain", code: RETURN_CONSTANT, operand: value });

const jump =
  (code: number) =>
  (operand: number, whenTrue: string | null, whenFalse: string | null): Instruction => ({
    kind: "jump",
    code,
    operand,
    whenTrue,
    whenFalse,
  });
export const jumpIfEqual = jump(JUMP_EQUAL);
export const jumpIfAbove = jump(JUMP_GREATER);
export const jumpIfAnyBit = jump(JUMP_SET);

/** Lays out `program` as an array of struct sock_filter (8 bytes each, little endian). Throws where a label is missing or too far. */
export function assemble(program: readonly Instruction[]): Buffer {
  const positions = new Map<string, number>();
  let length = 0;
  for (const instruction of program) {
    if (instruction.kind === "label") positions.set(instruction.name, length);
    else length++;
  }
  const bytes = Buffer.alloc(length * 8);
  let position = 0;
  const distance = (name: string | null): number => {
    if (name === null) return 0;
    const target = positions.get(name);
    const hops = target === undefined ? -1 : target - position - 1;
    if (hops < 0 || hops > FURTHEST_JUMP) throw new RangeError(`seccomp filter: cannot jump from ${position} to "${name}"`);
    return hops;
  };
  for (const instruction of program) {
    if (instruction.kind === "label") continue;
    const offset = position * 8;
    bytes.writeUInt16LE(instruction.code, offset);
    if (instruction.kind === "jump") {
      bytes.writeUInt8(distance(instruction.whenTrue), offset + 2);
      bytes.writeUInt8(distance(instruction.whenFalse), offset + 3);
    }
    bytes.writeUInt32LE(instruction.operand >>> 0, offset + 4);
    position++;
  }
  return bytes;
}
