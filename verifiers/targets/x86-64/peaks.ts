import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EntrySignature, MachineClass, Peaks, Session, Target } from "../../../specs/contracts/target.js";
import { keptPeaks } from "../kept-peaks.js";
import { bestOfRounds } from "../peak-rounds.js";

/** Elements that an iteration of peaks.c works on, whatever the chip's vectors. */
const elements = 256;
const mostLanes = 16;
const entry = (name: string, sizes: string[]): EntrySignature => ({
  name,
  buffers: [
    { name: "in", role: "input", type: "f32" },
    { name: "out", role: "output", type: "f32" },
  ],
  sizes,
  scalars: [],
});
const entries = [
  entry("peak_fma", ["iterations"]),
  entry("peak_bf16", ["iterations"]),
  entry("peak_read", ["floats", "passes"]),
  entry("peak_copy", ["floats"]),
];

/** Measures the peaks with micro-kernels that go through the target's own build and session; cached by machine, compiler and threads. */
export async function measurePeaks(
  target: Target,
  assets: string,
  cacheDirectory: string,
  machine: MachineClass,
  compiler: string,
  threads: number,
  anew: boolean,
): Promise<Peaks> {
  const source = readFileSync(join(assets, "peaks.c"), "utf8");
  const key = createHash("sha256")
    .update(JSON.stringify([2, machine, compiler, threads, source]))
    .digest("hex")
    .slice(0, 32);
  return keptPeaks(join(cacheDirectory, "peaks", `${key}.json`), anew, () => measureBuilt(target, source, machine, compiler, threads));
}

async function measureBuilt(target: Target, source: string, machine: MachineClass, compiler: string, threads: number): Promise<Peaks> {
  const build = await target.build({
    candidate: {
      files: { "peaks.c": source },
      manifest: {
        language: "c",
        compiler,
        units: [{ source: "peaks.c", flags: ["-O3", "-march=native", "-ffp-contract=fast", "-fopenmp"] }],
        linkFlags: ["-fopenmp"],
      },
    },
    support: {},
    entries,
    mode: "plain",
    threads,
  });
  if (build.status === "failed") throw new Error(`the peak micro-kernels do not build: ${build.log}`);
  const session = await target.open({ libraries: [build.artifact], entries, threads, memory: "plain", wallMs: 600_000 });
  try {
    return await measureWith(session, machine, threads);
  } finally {
    await session.close();
  }
}

/** The best of several calls: a peak is what the machine can do, not what it does on average. Null where the machine lacks the instruction. */
async function bestSeconds(session: Session, name: string, sizes: Record<string, number>, calls: number): Promise<number | null> {
  let best = Number.POSITIVE_INFINITY;
  for (let call = 0; call < calls; call++) {
    const report = await session.call({ library: 0, entry: name, set: 0, sizes, scalars: {}, poison: 0 });
    if (report.status !== "returned") throw new Error(`a peak micro-kernel failed: ${JSON.stringify(report)}`);
    if (report.code !== 0) return null;
    best = Math.min(best, report.durationNs / 1e9);
  }
  return best;
}

/** Every peak once per round, so that somebody else's burst of work spoils a round and not a peak. */
async function measureWith(session: Session, machine: MachineClass, threads: number): Promise<Peaks> {
  const iterations = 1_000_000;
  const smallBytes = 4 * mostLanes * 256;
  const multiplyAdds = async (name: string, flopsPerElement: number) => {
    await session.bind(name, [smallBytes, smallBytes], 1);
    const seconds = await bestSeconds(session, name, { iterations }, 4);
    return seconds === null ? 0 : (flopsPerElement * elements * iterations * threads) / seconds;
  };
  const read = async (bytesPerThread: number, passes: number) => {
    const bytes = bytesPerThread * threads;
    await session.bind("peak_read", [bytes, smallBytes], 1);
    return (bytes * passes) / (await bestSeconds(session, "peak_read", { floats: bytes / 4, passes }, 2))!;
  };
  const { l1d, l2, l3 } = machine.cacheBytes;
  const dramBytes = Math.max(4 * l3, 256 << 20);
  const copy = async () => {
    await session.bind("peak_copy", [dramBytes, dramBytes], 1);
    return (2 * dramBytes) / (await bestSeconds(session, "peak_copy", { floats: dramBytes / 4 }, 2))!;
  };
  const best = await bestOfRounds({
    f32: () => multiplyAdds("peak_fma", 2),
    bf16: () => multiplyAdds("peak_bf16", 4),
    l1: () => read(Math.floor(l1d / 2 / 1024) * 1024, 10_000),
    l2: () => read(Math.floor(l2 / 2 / 1024) * 1024, 200),
    l3: () => read(Math.max(l2 * 2, Math.floor(l3 / 2 / threads / 4096) * 4096), 10),
    dramRead: () => read(Math.floor(dramBytes / threads / 4096) * 4096, 1),
    dramCopy: copy,
  });
  const { f32, bf16, ...bytesPerSecond } = best;
  // Without bf16 dot products the operands are widened and multiplied in f32.
  return { threads, flopsPerSecond: { f32, bf16: bf16 || f32 }, bytesPerSecond };
}
