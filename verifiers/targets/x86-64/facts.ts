import type { MachineClass, Peaks, Toolchain } from "../../../specs/contracts/target.js";

const giga = (value: number): string => (value / 1e9).toFixed(0);

/** What whoever writes code for this chip should know, in Markdown. */
export function describeChip(machine: MachineClass, toolchains: Toolchain[], peaks: Peaks): string {
  const { l1d, l2, l3 } = machine.cacheBytes;
  const bandwidth = peaks.bytesPerSecond;
  return `# ${machine.cpuModel}, x86-64

- ISA: ${machine.isa.join(", ")}. ${machine.isa.includes("avx512f") ? "512-bit vectors, 32 registers." : "256-bit vectors, 16 registers."}
- Cores: ${machine.cores}. Caches: L1d ${l1d >> 10} KiB, L2 ${l2 >> 10} KiB a core, L3 ${(l3 / 2 ** 20).toFixed(0)} MiB.
- Compilers: ${toolchains.map((toolchain) => `${toolchain.name} (${toolchain.version})`).join("; ")}.
- Measured with ${peaks.threads} threads: f32 ${giga(peaks.flopsPerSecond.f32 ?? 0)} GFLOP/s, bf16 ${giga(peaks.flopsPerSecond.bf16 ?? 0)} GFLOP/s.
- Read bandwidth in GB/s: L1 ${giga(bandwidth.l1)}, L2 ${giga(bandwidth.l2)}, L3 ${giga(bandwidth.l3)}, DRAM ${giga(bandwidth.dramRead)}; DRAM copy (read + write) ${giga(bandwidth.dramCopy)}.
- A kernel is bound by bandwidth below ${((peaks.flopsPerSecond.f32 ?? 0) / bandwidth.dramRead).toFixed(1)} FLOP per byte of DRAM traffic at f32.
- Inputs are mapped read-only: a write to one ends the process. Outputs arrive poisoned: write every element. Streaming stores help where an output is larger than the cache.
`;
}
