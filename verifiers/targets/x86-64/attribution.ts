import type { AssemblyListing, CodeProfile, FunctionShare, LineShare, LoopShare } from "../../../specs/contracts/profile.js";
import { rangeOf } from "../source-lines.js";
import type { MachineFunction } from "./disassembly.js";
import { findLoops, innermostLoop, type MachineLoop } from "./loops.js";
import type { Samples } from "./samples.js";

const maximumRows = 12;
const maximumInstructions = 120;
/** Below this a row is noise. */
const smallestShare = 0.001;

interface Body {
  name: string;
  code: MachineFunction;
  /** Samples by index of the instruction. */
  counts: number[];
  total: number;
  loops: MachineLoop[];
}

export type CodeShares = Pick<CodeProfile, "functions" | "loops" | "lines" | "assembly">;

/** Lays the samples over the disassembly: functions, loops, lines and the hottest code. */
export function attributeSamples(samples: Samples, functions: MachineFunction[]): CodeShares {
  const bodies = bodiesOf(samples, functions).sort((a, b) => b.total - a.total);
  const loops = bodies.flatMap((body) => body.loops.map((loop) => loopWithSamples(body, loop)));
  loops.sort((a, b) => b.count - a.count);
  const shareOf = (count: number) => count / Math.max(1, samples.total);
  const worth = <T extends { share: number }>(rows: T[]) => rows.filter(({ share }) => share >= smallestShare).slice(0, maximumRows);
  return {
    functions: { status: "available", value: worth(bodies.map((body) => functionShare(body, shareOf(body.total)))) },
    loops: { status: "available", value: worth(loops.map((loop) => loopShare(loop, shareOf(loop.count)))) },
    lines: { status: "available", value: worth(lineShares(bodies, shareOf)) },
    assembly: listHottest(bodies[0], loops[0], shareOf),
  };
}

function bodiesOf(samples: Samples, functions: MachineFunction[]): Body[] {
  return functions.map((code) => {
    const counts = code.instructions.map(({ address }) => samples.inside.get(address) ?? 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return { name: code.name, code, counts, total, loops: total > 0 ? findLoops(code) : [] };
  });
}

function functionShare({ name, code }: Body, share: number): FunctionShare {
  return { name, share, source: rangeOf(code.instructions.map(({ source }) => source)) };
}

interface SampledLoop {
  body: Body;
  loop: MachineLoop;
  /** Of instructions that are in no inner loop. */
  own: number[];
  count: number;
}

function loopWithSamples(body: Body, loop: MachineLoop): SampledLoop {
  const own = [...loop.body].filter((index) => innermostLoop(body.loops, index) === loop);
  return { body, loop, own, count: own.reduce((sum, index) => sum + body.counts[index]!, 0) };
}

/** Its lines are those where its samples are: what the compiler moved there from elsewhere would make the range too wide. */
function loopShare({ body, loop, own }: SampledLoop, share: number): LoopShare {
  const sampled = own.filter((index) => body.counts[index]! > 0);
  const places = (sampled.length > 0 ? sampled : own).map((index) => body.code.instructions[index]!.source);
  return { function: body.name, share, source: rangeOf(places), nesting: loop.nesting, instructions: loop.body.size };
}

function lineShares(bodies: Body[], shareOf: (count: number) => number): LineShare[] {
  const lines = new Map<string, { file: string; line: number; count: number }>();
  for (const { code, counts } of bodies)
    for (const [index, { source }] of code.instructions.entries()) {
      if (source === null || source.line === 0 || counts[index] === 0) continue;
      const key = `${source.file}:${source.line}`;
      const row = lines.get(key) ?? { ...source, count: 0 };
      row.count += counts[index]!;
      lines.set(key, row);
    }
  const rows = [...lines.values()].map(({ file, line, count }) => ({ file, line, share: shareOf(count) }));
  return rows.sort((a, b) => b.share - a.share);
}

/** The hottest loop where loops make up most of the hottest function, else that function; its hottest window where it is too long. */
function listHottest(
  body: Body | undefined,
  hottest: SampledLoop | undefined,
  shareOf: (count: number) => number,
): CodeProfile["assembly"] {
  if (body === undefined || body.total === 0) return { status: "unavailable", reason: "no sample lies in the candidate's own code" };
  const loop = hottest !== undefined && 2 * hottest.count >= body.total ? hottest : null;
  const { name, code, counts } = loop?.body ?? body;
  const indices = loop ? [...loop.loop.body].sort((a, b) => a - b) : [...code.instructions.keys()];
  const shown = hottestWindow(indices, counts);
  const listing: AssemblyListing = {
    function: name,
    source: rangeOf(shown.map((index) => code.instructions[index]!.source)),
    lines: shown.map((index) => {
      const { text, source } = code.instructions[index]!;
      return { text, share: shareOf(counts[index]!), sourceLine: source?.line ?? null };
    }),
    omitted: indices.length - shown.length,
  };
  return { status: "available", value: listing };
}

function hottestWindow(indices: number[], counts: number[]): number[] {
  const heat = indices.map((index) => counts[index]!);
  let sum = heat.slice(0, maximumInstructions).reduce((total, count) => total + count, 0);
  let best = { from: 0, sum };
  for (let from = 1; from + maximumInstructions <= indices.length; from++) {
    sum += heat[from + maximumInstructions - 1]! - heat[from - 1]!;
    if (sum > best.sum) best = { from, sum };
  }
  return indices.slice(best.from, best.from + maximumInstructions);
}
