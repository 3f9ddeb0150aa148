import type { SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { MachineClass, Peaks, TargetProbe } from "../../specs/contracts/target.js";

/** What `forge targets` says of one target. */
export function targetText(report: { target: string; probe: TargetProbe; defaultThreads: number; peaks: Peaks | null }): string {
  const { target, probe } = report;
  if (probe.status === "unavailable") return `${target}: not available: ${probe.reason}\n  install: ${probe.install}`;
  return [
    `${target}: available`,
    ...machineLines(probe.machine, report.defaultThreads),
    ...probe.toolchains.map((toolchain) => row(toolchain.name, `${toolchain.version} (${toolchain.path})`)),
    ...(report.peaks === null ? [] : peakLines(report.peaks)),
  ].join("\n");
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(10)} ${text}`;
}

function machineLines(machine: MachineClass, threads: number): string[] {
  const { l1d, l2, l3 } = machine.cacheBytes;
  return [
    row(
      "machine",
      `${machine.cpuModel}, ${machine.cores} core(s), ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB; ${threads} thread(s) by default`,
    ),
    row("isa", machine.isa.join(" ")),
    row("caches", `L1d ${l1d / 2 ** 10} KiB, L2 ${l2 / 2 ** 10} KiB, L3 ${l3 / 2 ** 20} MiB`),
  ];
}

function peakLines(peaks: Peaks): string[] {
  const giga = (value: number) => (value / 1e9).toFixed(value < 1e10 ? 1 : 0);
  const flops = Object.entries(peaks.flopsPerSecond).map(([type, value]) => `${type} ${giga(value)} GFLOP/s`);
  const { l1, l2, l3, dramRead, dramCopy } = peaks.bytesPerSecond;
  return [
    row("compute", `${flops.join(", ")} with ${peaks.threads} thread(s)`),
    row("bandwidth", `L1 ${giga(l1)}, L2 ${giga(l2)}, L3 ${giga(l3)}, DRAM read ${giga(dramRead)}, DRAM copy ${giga(dramCopy)} GB/s`),
  ];
}

/** What confinement generated code gets here. */
export function sandboxText(protection: SandboxProtection | { kind: "unavailable"; reason: string }): string {
  if (protection.kind === "unavailable") return `sandbox: not available: ${protection.reason}`;
  return `sandbox: ${protection.kind} ${protection.version}; ${protection.protections.join(", ")}`;
}
