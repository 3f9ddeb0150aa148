import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A clang that can build for wasm32, with the linker, C library and Node flags that go with it. */
export interface WasmToolchain {
  clang: string;
  /** Full version, "22.1.8". */
  version: string;
  linker: string;
  headers: string;
  libraries: string;
  /** compiler-rt's builtins for wasm32, where installed. */
  builtins: string | null;
  /** True where both clang and this Node's V8 have relaxed SIMD (fused multiply-add). */
  relaxedSimd: boolean;
  /** Flags of the Node process that runs what was built. */
  nodeFlags: string[];
}

export const installHint =
  "apt-get install clang lld wasi-libc (clang >= 14; on Debian clang-22 lld-22 libclang-rt-22-dev-wasm32 are best)";

// (func (result v128) f32x4.relaxed_madd of three zero vectors)
const relaxedMaddModule =
  "new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,123,3,2,1,0,10,19,1,17,0,65,0,253,15,65,0,253,15,65,0,253,15,253,133,2,11])";

/** Only the optimising compiler, up front: otherwise the first calls run V8's baseline code and timing sees the switch. */
const steadyCodeFlags = ["--no-liftoff", "--no-wasm-lazy-compilation"];

function answer(command: string, ...parameters: string[]): string | null {
  const result = spawnSync(command, parameters, { encoding: "utf8", timeout: 20_000 });
  return result.status === 0 ? result.stdout : null;
}

/** Node >= 22 has relaxed SIMD without a flag, Node 20 behind one. */
function relaxedSimdFlags(): string[] | null {
  for (const flags of [[], ["--experimental-wasm-relaxed-simd"]]) {
    if (answer(process.execPath, ...flags, "-p", `WebAssembly.validate(${relaxedMaddModule})`)?.trim() === "true") return flags;
  }
  return null;
}

/** Names `clang-NN` (newest first) and `clang` on the PATH. */
function clangsOnPath(): string[] {
  const found: { path: string; major: number }[] = [];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder === "" || !existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const match = /^clang(?:-(\d+))?$/.exec(name);
      if (match) found.push({ path: join(folder, name), major: Number(match[1] ?? 0) });
    }
  }
  return found.sort((left, right) => right.major - left.major).map(({ path }) => path);
}

function linkerFor(clang: string): string | null {
  const major = /clang-(\d+)$/.exec(clang)?.[1];
  const names = major === undefined ? ["wasm-ld"] : [`wasm-ld-${major}`, "wasm-ld"];
  for (const name of names) {
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      if (folder !== "" && existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return null;
}

let remembered: WasmToolchain | string | undefined;

/** The best toolchain of this machine, or the reason why there is none. Looked for once per process. */
export function findToolchain(): WasmToolchain | string {
  remembered ??= search();
  return remembered;
}

function search(): WasmToolchain | string {
  const headers = "/usr/include/wasm32-wasi";
  const libraries = "/usr/lib/wasm32-wasi";
  if (!existsSync(headers) || !existsSync(join(libraries, "libc.a"))) return `no C library for wasm32 at ${headers} and ${libraries}`;
  const reasons: string[] = [];
  for (const clang of clangsOnPath()) {
    const version = /version (\d+\.\d+\.\d+)/.exec(answer(clang, "--version") ?? "")?.[1];
    const linker = linkerFor(clang);
    if (version === undefined || Number.parseInt(version, 10) < 14) reasons.push(`${clang} is older than 14`);
    else if (linker === null) reasons.push(`${clang} has no wasm-ld beside it`);
    else if (!(answer(clang, "--print-targets") ?? "").includes("wasm32")) reasons.push(`${clang} was built without wasm32`);
    else return assemble(clang, version, linker, headers, libraries);
  }
  return reasons[0] ?? "no clang on the PATH";
}

function assemble(clang: string, version: string, linker: string, headers: string, libraries: string): WasmToolchain {
  const resources = answer(clang, "--print-resource-dir")?.trim() ?? "";
  const builtins = join(resources, "lib/wasi/libclang_rt.builtins-wasm32.a");
  const relaxed = relaxedSimdFlags();
  return {
    clang,
    version,
    linker,
    headers,
    libraries,
    builtins: existsSync(builtins) ? builtins : null,
    // Before 17, clang had other opcodes for it than V8.
    relaxedSimd: relaxed !== null && Number.parseInt(version, 10) >= 17,
    nodeFlags: [...steadyCodeFlags, ...(relaxed ?? [])],
  };
}
