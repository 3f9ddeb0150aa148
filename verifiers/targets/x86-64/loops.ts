import type { MachineFunction } from "./disassembly.js";

/** Instructions looked at in one function: nobody's kernel comes near, but a candidate may be made to take for ever. */
const maximumSteps = 20_000_000;

export interface MachineLoop {
  /** Instructions by their index in the function. */
  body: Set<number>;
  /** 1 is an outermost loop. */
  nesting: number;
}

/**
 * Natural loops (Aho, Lam, Sethi and Ullman, "Compilers", 9.6.6): an edge back to an instruction that dominates where it comes from, with
 * all that leads there. Does not cover jumps to computed addresses.
 */
export function findLoops(code: MachineFunction): MachineLoop[] {
  const predecessors = predecessorsIn(code);
  const bodies = new Map<number, Set<number>>();
  const budget = { steps: maximumSteps };
  for (const [head, sources] of predecessors.entries()) {
    // What has one way in and does not jump to itself is no head of a loop.
    if (sources.length < 2 && sources[0] !== head && head !== 0) continue;
    for (const source of sources) {
      const body = bodyOf(predecessors, head, source, budget);
      if (body !== null) bodies.set(head, new Set([...(bodies.get(head) ?? []), ...body]));
    }
  }
  const all = [...bodies.values()];
  const isWithin = (inner: Set<number>, outer: Set<number>) => inner.size < outer.size && [...inner].every((index) => outer.has(index));
  return all.map((body) => ({ body, nesting: 1 + all.filter((other) => isWithin(body, other)).length }));
}

function predecessorsIn({ instructions }: MachineFunction): number[][] {
  const indexOf = new Map(instructions.map(({ address }, index) => [address, index]));
  const predecessors: number[][] = instructions.map(() => []);
  for (const [index, { jump, ends }] of instructions.entries()) {
    const target = jump === null ? undefined : indexOf.get(jump.to);
    if (target !== undefined) predecessors[target]!.push(index);
    if (!ends) predecessors[index + 1]?.push(index);
  }
  return predecessors;
}

/** All that leads to `source` without passing `head`; null where the function's start does, for then `head` does not dominate it. */
function bodyOf(predecessors: number[][], head: number, source: number, budget: { steps: number }): Set<number> | null {
  const body = new Set([head]);
  const pending = [source];
  let returns = source === head;
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (at === head) returns = true;
    if (body.has(at)) continue;
    if (at === 0 || --budget.steps < 0) return null;
    body.add(at);
    pending.push(...predecessors[at]!);
  }
  return returns ? body : null;
}

/** The smallest loop around an instruction; null where it is in none. */
export function innermostLoop(loops: MachineLoop[], index: number): MachineLoop | null {
  let best: MachineLoop | null = null;
  for (const loop of loops) if (loop.body.has(index) && (best === null || loop.body.size < best.body.size)) best = loop;
  return best;
}
