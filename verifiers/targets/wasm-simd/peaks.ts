import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EntrySignature, MachineClass, Peaks, Session, Target } from "../../../specs/contracts/target.js";
import { keptPeaks } from "../kept-peaks.js";
import { bestOfRounds } from "../peak-rounds.js";
import { asset } from "./assets.js";

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
  entry("peak_multiply_add", ["iterations"]),
  entry("peak_read", ["floats", "passes"]),
  entry("peak_copy_vectors", ["floats"]),
  entry("peak_copy_bulk", ["floats"]),
];

const flopsPerIteration = 12 * 4 * 2;
const granuleBytes = 256;
const smallBytes = 4096;

/** The machine's peaks through WASM, measured by kernels that go through the target's own build and session. Cached by machine and toolchain. */
export async function measurePeaks(
  target: Target,
  cacheDirectory: string,
  machine: MachineClass,
  toolchainVersion: string,
  anew: boolean,
): Promise<Peaks> {
  const source = await readFile(asset("peaks.c"), "utf8");
  const key = createHash("sha256")
    .update(JSON.stringify([2, machine, toolchainVersion, source]))
    .digest("hex")
    .slice(0, 32);
  return keptPeaks(join(cacheDirectory, "wasm-simd", "peaks", `${key}.json`), anew, () => measureBuilt(target, source, machine));
}

async function measureBuilt(target: Target, source: string, machine: MachineClass): Promise<Peaks> {
  const flags = ["-O3", ...target.tuningSpace({ store: "f32", accumulate: "f32" }).machine];
  const build = await target.build({
    candidate: {
      files: { "peaks.c": source },
      manifest: { language: "c", compiler: "clang", units: [{ source: "peaks.c", flags }], linkFlags: [] },
    },
    support: {},
    entries,
    mode: "plain",
    threads: 1,
  });
  if (build.status === "failed") throw new Error(`the kernels that measure peaks do not build:\n${build.log}`);
  const session = await target.open({ libraries: [build.artifact], entries, threads: 1, memory: "plain", wallMs: 600_000 });
  try {
    return await measure(session, machine);
  } finally {
    await session.close();
  }
}

/** The best of several calls: a peak is what the machine can do, not what it does on average. */
async function bestSeconds(session: Session, name: string, sizes: Record<string, number>, calls: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let call = 0; call < calls; call++) {
    const report = await session.call({ library: 0, entry: name, set: 0, sizes, scalars: {}, poison: 0 });
    if (report.status !== "returned") throw new Error(`a kernel that measures peaks failed: ${JSON.stringify(report)}`);
    best = Math.min(best, report.durationNs / 1e9);
  }
  return best;
}

async function measure(session: Session, machine: MachineClass): Promise<Peaks> {
  const iterations = 1_000_000;
  const flops = async () => {
    await session.bind("peak_multiply_add", [smallBytes, smallBytes], 1);
    return (flopsPerIteration * iterations) / (await bestSeconds(session, "peak_multiply_add", { iterations }, 4));
  };
  const read = async (bytes: number, passes: number) => {
    await session.bind("peak_read", [bytes, smallBytes], 1);
    return (bytes * passes) / (await bestSeconds(session, "peak_read", { floats: bytes / 4, passes }, 2));
  };
  const { l1d, l2, l3 } = machine.cacheBytes;
  const half = (bytes: number, otherwise: number) =>
    Math.max(granuleBytes, Math.floor((bytes || otherwise) / 2 / granuleBytes) * granuleBytes);
  const dramBytes = Math.min(Math.max(4 * l3, 256 << 20), 1 << 30);
  const copy = async () => {
    let seconds = Number.POSITIVE_INFINITY;
    for (const name of ["peak_copy_vectors", "peak_copy_bulk"]) {
      await session.bind(name, [dramBytes, dramBytes], 1);
      seconds = Math.min(seconds, await bestSeconds(session, name, { floats: dramBytes / 4 }, 2));
    }
    // Copy counts the bytes read and the bytes written, as STREAM does.
    return (2 * dramBytes) / seconds;
  };
  const { f32, ...bytesPerSecond } = await bestOfRounds({
    f32: flops,
    l1: () => read(half(l1d, 32 << 10), 10_000),
    l2: () => read(half(l2, 512 << 10), 200),
    l3: () => read(half(Math.min(l3, 64 << 20), 8 << 20), 10),
    dramRead: () => read(dramBytes, 1),
    dramCopy: copy,
  });
  // No bf16 arithmetic in WASM: operands are widened and multiplied as f32.
  return { threads: 1, flopsPerSecond: { f32, bf16: f32 }, bytesPerSecond };
}
