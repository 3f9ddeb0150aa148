import { describe, expect, it } from "vitest";
import { innermostLoops } from "../../../verifiers/targets/wasm-simd/listing.js";
import { attributeSamples } from "../../../verifiers/targets/x86-64/attribution.js";
import { parseDisassembly } from "../../../verifiers/targets/x86-64/disassembly.js";
import { findLoops, innermostLoop } from "../../../verifiers/targets/x86-64/loops.js";
import { availableValue } from "./benches.js";

/** As objdump prints it: an instruction per line, at 1000, 1001 and so on. */
const listing = (instructions: string[]) =>
  ["0000000000001000 <f>:", ...instructions.map((text, index) => `    ${(0x1000 + index).toString(16)}:\t${text}`)].join("\n");
const loopsIn = (instructions: string[]) =>
  findLoops(parseDisassembly(listing(instructions))[0]!).map(({ body, nesting }) => ({ body: [...body].sort((a, b) => a - b), nesting }));

describe("loops in a disassembly", () => {
  it("are nested as they are in the source", () => {
    const nest = ["xor    eax,eax", "xor    ecx,ecx", "inc    ecx", "jne    1002 <f+0x2>", "inc    eax", "jne    1001 <f+0x1>", "ret"];
    expect(loopsIn(nest)).toEqual([
      { body: [1, 2, 3, 4, 5], nesting: 1 },
      { body: [2, 3], nesting: 2 },
    ]);
  });

  it("that are entered at their condition are found as well", () => {
    expect(loopsIn(["xor    eax,eax", "jmp    1003 <f+0x3>", "inc    eax", "cmp    eax,edi", "jl     1002 <f+0x2>", "ret"])).toEqual([
      { body: [2, 3, 4], nesting: 1 },
    ]);
  });

  it("are not made by code that was moved out of the way and jumps back", () => {
    expect(loopsIn(["test   edi,edi", "je     1004 <f+0x4>", "inc    eax", "ret", "xor    eax,eax", "jmp    1002 <f+0x2>"])).toEqual([]);
  });

  it("hold what was moved out of the way, but nothing that only lies between", () => {
    // 1: head, leaves to the cold part at 5; 3-4 belong to no loop.
    const moved = ["xor    eax,eax", "test   edi,edi", "jne    1005 <f+0x5>", "inc    eax", "ret", "dec    edi", "jmp    1001 <f+0x1>"];
    expect(loopsIn(moved)).toEqual([{ body: [1, 2, 5, 6], nesting: 1 }]);
  });

  it("give a sample to the innermost one", () => {
    const code = parseDisassembly(
      listing(["xor    eax,eax", "xor    ecx,ecx", "inc    ecx", "jne    1002 <f+0x2>", "inc    eax", "jne    1001 <f+0x1>", "ret"]),
    );
    const loops = findLoops(code[0]!);
    expect([0, 2, 4, 6].map((index) => innermostLoop(loops, index)?.nesting ?? null)).toEqual([null, 2, 1, null]);
    const inside = new Map([
      [0x1002, 6],
      [0x1004, 3],
    ]);
    const shares = attributeSamples({ calls: 1, pageFaults: 0, userNs: 1, systemNs: 0, inside, outside: [], total: 10 }, code);
    expect(availableValue(shares.loops).map(({ nesting, share }) => [nesting, share])).toEqual([
      [2, 0.6],
      [1, 0.3],
    ]);
  });
});

describe("loops of WebAssembly", () => {
  it("are shown where they hold no other", () => {
    const texts = "block,local.get 0,loop # label1:,nop,loop # label2:,f32.load 0,end,end,loop,f32.mul,end,end,end_function".split(",");
    expect(innermostLoops({ name: "f", instructions: texts.map((text) => ({ text, source: null })) })).toEqual([4, 5, 6, 8, 9, 10]);
  });
});

describe("lines in a disassembly", () => {
  it("are those of the candidate's files that use what lies in the compiler's headers", () => {
    const text = `0000000000001000 <f>:
f():
/source/./kernel.c:4
    1000:\tpush   rbx
_mm256_mul_ps():
/usr/lib/gcc/x86_64-linux-gnu/12/include/avxintrin.h:318
inlined by /source/./kernel.c:6 (row)
inlined by /source/./kernel.c:9 (f)
    1001:\tvmulps ymm0,ymm0,ymm0
inlined by /source/./kernel.c:7 (row)
    1002:\tvmulps ymm1,ymm1,ymm1
f():
/source/./kernel.c:10 (discriminator 2)
    1003:\tret
`;
    const [code] = parseDisassembly(text);
    expect(code!.instructions.map(({ source }) => source)).toEqual([4, 6, 7, 10].map((line) => ({ file: "kernel.c", line })));
  });
});
