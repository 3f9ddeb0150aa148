import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { execa } from "execa";
import type { MachineClass, TargetProbe, Toolchain } from "../../../specs/contracts/target.js";

const interestingIsa = ["avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_bf16"];

/** A candidate may name these. */
export const supportedCompilers = ["gcc", "clang"];

/** The newest of each compiler on PATH: versioned names ("clang-22") win over the plain one. */
export async function findToolchains(): Promise<Toolchain[]> {
  const found = await Promise.all(supportedCompilers.map((name) => newestCompiler(name)));
  return found.filter((toolchain) => toolchain !== null);
}

async function newestCompiler(name: string): Promise<Toolchain | null> {
  const folders = (process.env.PATH ?? "").split(":").filter((folder) => folder !== "" && existsSync(folder));
  const pattern = new RegExp(`^${name}-(\\d+)$`);
  const versioned = folders
    .flatMap((folder) => readdirSync(folder).map((file) => ({ path: `${folder}/${file}`, major: Number(pattern.exec(file)?.[1] ?? -1) })))
    .filter((entry) => entry.major > 0)
    .sort((a, b) => b.major - a.major);
  const plain = folders.map((folder) => `${folder}/${name}`).filter((path) => existsSync(path));
  for (const path of [...versioned.map((entry) => entry.path), ...plain]) {
    const { stdout, failed } = await execa(path, ["--version"], { reject: false });
    if (!failed) return { name, path, version: stdout.split("\n")[0]! };
  }
  return null;
}

function readCache(level: number, type: "Data" | "Unified"): number {
  const base = "/sys/devices/system/cpu/cpu0/cache";
  if (!existsSync(base)) return 0;
  for (const index of readdirSync(base).filter((name) => name.startsWith("index"))) {
    const read = (file: string) => readFileSync(`${base}/${index}/${file}`, "utf8").trim();
    if (Number(read("level")) !== level || read("type") !== type) continue;
    const match = /^(\d+)([KMG])$/.exec(read("size"));
    if (match) return Number(match[1]) * { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match[2] as "K" | "M" | "G"];
  }
  return 0;
}

export function describeMachine(): MachineClass {
  const flags = new Set((/^flags\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "").split(" "));
  return {
    target: "x86-64",
    cpuModel: cpus()[0]?.model ?? "unknown",
    isa: interestingIsa.filter((name) => flags.has(name)),
    cores: cpus().length,
    memoryBytes: totalmem(),
    cacheBytes: { l1d: readCache(1, "Data") || 32 << 10, l2: readCache(2, "Unified") || 1 << 20, l3: readCache(3, "Unified") || 32 << 20 },
  };
}

export async function probeX86(): Promise<TargetProbe> {
  const install = "sudo apt-get install gcc clang";
  if (process.arch !== "x64" || process.platform !== "linux")
    return { status: "unavailable", reason: `this is ${process.platform} ${process.arch}, not Linux on x86-64`, install: "none" };
  const machine = describeMachine();
  if (!machine.isa.includes("avx2")) return { status: "unavailable", reason: "the CPU lacks AVX2", install: "none" };
  const toolchains = await findToolchains();
  if (toolchains.length === 0) return { status: "unavailable", reason: "neither gcc nor clang is on PATH", install };
  return { status: "available", machine, toolchains };
}
