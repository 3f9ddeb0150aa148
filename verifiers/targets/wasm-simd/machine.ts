import { readdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { MachineClass } from "../../../specs/contracts/target.js";
import type { WasmToolchain } from "./toolchain.js";

const cacheFolder = "/sys/devices/system/cpu/cpu0/cache";

/** Sizes of the first CPU's data caches; 0 where the kernel does not tell. */
function cacheBytes(): MachineClass["cacheBytes"] {
  const sizes = { l1d: 0, l2: 0, l3: 0 };
  let indices: string[] = [];
  try {
    indices = readdirSync(cacheFolder).filter((name) => name.startsWith("index"));
  } catch {
    return sizes; // a container without /sys
  }
  for (const index of indices) {
    const read = (name: string) => readFileSync(`${cacheFolder}/${index}/${name}`, "utf8").trim();
    const bytes = Number.parseInt(read("size"), 10) * (read("size").endsWith("M") ? 1 << 20 : 1 << 10);
    const level = read("level");
    if (level === "1" && read("type") === "Data") sizes.l1d = bytes;
    if (level === "2") sizes.l2 = bytes;
    if (level === "3") sizes.l3 = bytes;
  }
  return sizes;
}

/** The machine as a WASM kernel sees it: the CPU through one V8. */
export function describeMachine(toolchain: WasmToolchain): MachineClass {
  return {
    target: "wasm-simd",
    cpuModel: `${cpus()[0]?.model.trim() ?? "unknown CPU"} through V8 ${process.versions.v8}`,
    isa: ["simd128", "bulk-memory", ...(toolchain.relaxedSimd ? ["relaxed-simd"] : [])],
    cores: cpus().length,
    memoryBytes: totalmem(),
    cacheBytes: cacheBytes(),
  };
}
