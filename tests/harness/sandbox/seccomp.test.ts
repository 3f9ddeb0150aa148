import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { assemble, jumpIfEqual, label, result } from "../../../harness/sandbox/filter-assembler.js";
import { type FilterArchitecture, type FilterOptions, seccompFilter } from "../../../harness/sandbox/seccomp.js";
import { type SystemCall, systemCalls } from "../../../harness/sandbox/system-calls.js";

const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;
const KILL = 0x8000_0000;
const auditArchitecture = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** What the kernel would answer: a classic BPF machine over struct seccomp_data. */
function answerOf(filter: Buffer, architecture: number, number: number, values: number[]): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture, 4);
  values.forEach((value, index) => {
    data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  });
  let accumulator = 0;
  for (let position = 0; position < filter.length / 8; position++) {
    const code = filter.readUInt16LE(position * 8);
    const operand = filter.readUInt32LE(position * 8 + 4);
    const jump = (taken: boolean): void => {
      position += filter.readUInt8(position * 8 + (taken ? 2 : 3));
    };
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x15) jump(accumulator === operand);
    else if (code === 0x25) jump(accumulator > operand);
    else if (code === 0x45) jump((accumulator & operand) !== 0);
    else if (code === 0x06) return operand;
    else throw new Error(`unknown opcode ${code}`);
  }
  throw new Error("the filter has no end");
}

/** Numbers as this machine's kernel headers give them. */
function headerNumbers(path: string): Map<string, number> {
  const matches = readFileSync(path, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)/gm);
  return new Map([...matches].map(([, name, number]) => [name as string, Number(number)]));
}

describe.each<FilterArchitecture>(["x64", "arm64"])("the filter for %s", (architecture) => {
  const ask = (name: SystemCall, values: number[] = [], options: Partial<FilterOptions> = {}): number | null => {
    const number = systemCalls[name][architecture === "x64" ? 0 : 1];
    const filter = seccompFilter({ architecture, profile: "run", pinned: false, ...options });
    return number === null ? null : answerOf(filter, auditArchitecture[architecture], number, values);
  };

  it("fits what the kernel takes", () => {
    const filter = seccompFilter({ architecture, profile: "run", pinned: true });
    expect(filter.length % 8).toBe(0);
    expect(filter.length / 8).toBeLessThan(4096);
  });

  it("kills calls of another architecture", () => {
    const filter = seccompFilter({ architecture, profile: "build", pinned: false });
    for (const other of [0x4000_0003, 0x4000_0028, auditArchitecture[architecture === "x64" ? "arm64" : "x64"]]) {
      expect(answerOf(filter, other, 0, [])).toBe(KILL);
    }
    if (architecture === "x64") expect(answerOf(filter, auditArchitecture.x64, 0x4000_0000, [])).toBe(KILL);
  });

  it("tells threads from processes and from namespaces", () => {
    const thread = 0x003d_0f00; // what pthread_create passes
    const process = 0x0120_0011; // what fork passes
    expect(ask("clone", [thread])).toBe(ALLOW);
    expect(ask("clone", [process])).toBe(EPERM);
    expect(ask("clone", [process], { profile: "build" })).toBe(ALLOW);
    for (const bit of [17, 25, 26, 27, 28, 29, 30]) {
      expect(ask("clone", [(thread | (1 << bit)) >>> 0], { profile: "build" }), `bit ${bit}`).toBe(EPERM);
    }
    expect(ask("clone3")).toBe(ENOSYS);
    expect([EPERM, null]).toContain(ask("fork"));
    expect([ALLOW, null]).toContain(ask("fork", [], { profile: "build" }));
  });

  it("looks at arguments where only some are harmful", () => {
    expect(ask("ioctl", [0, 0x5412])).toBe(EPERM);
    expect(ask("ioctl", [0, 0x541c])).toBe(EPERM);
    expect(ask("ioctl", [0, 0x5401])).toBe(ALLOW);
    expect(ask("personality", [0xffff_ffff])).toBe(ALLOW);
    expect(ask("personality", [0x0004_0000])).toBe(EPERM);
    expect(ask("fchmod", [3, 0o755])).toBe(ALLOW);
    expect(ask("fchmod", [3, 0o4755])).toBe(EPERM);
    expect(ask("fchmodat", [0, 0, 0o2755])).toBe(EPERM);
    expect(ask("openat", [0, 0, 0x41, 0o644])).toBe(ALLOW);
    expect(ask("openat", [0, 0, 0x41, 0o4644])).toBe(EPERM);
    // Without O_CREAT the mode is whatever stood in the register.
    expect(ask("openat", [0, 0, 0, 0o7777])).toBe(ALLOW);
    expect(ask("sendmsg", [3, 0, 1])).toBe(EPERM);
    expect(ask("sendmsg", [3, 0, 0x4000])).toBe(ALLOW);
  });

  it("pins only where asked to", () => {
    expect(ask("sched_setaffinity", [], { pinned: true })).toBe(EPERM);
    expect(ask("sched_setaffinity")).toBe(ALLOW);
  });

  it("knows the numbers of this machine's kernel headers", () => {
    const path = architecture === "x64" ? "/usr/include/x86_64-linux-gnu/asm/unistd_64.h" : "/usr/include/asm-generic/unistd.h";
    if (architecture === "x64" && process.arch !== "x64") return; // only the own architecture's headers are installed
    const numbers = headerNumbers(path);
    for (const [name, pair] of Object.entries(systemCalls)) {
      // Newer headers drop calls that no longer exist.
      const number = numbers.get(name);
      if (number !== undefined) expect(pair[architecture === "x64" ? 0 : 1], name).toBe(number);
    }
  });
});

describe("the assembler", () => {
  it("refuses a jump without a target, backwards or too far", () => {
    expect(() => assemble([jumpIfEqual(1, "nowhere", null), result(0)])).toThrow(/cannot jump from 0 to "nowhere"/);
    expect(() => assemble([label("back"), result(0), jumpIfEqual(1, "back", null)])).toThrow(/cannot jump/);
    const far = Array.from({ length: 300 }, () => result(0));
    expect(() => assemble([jumpIfEqual(1, "far", null), ...far, label("far"), result(0)])).toThrow(/cannot jump/);
  });
});
