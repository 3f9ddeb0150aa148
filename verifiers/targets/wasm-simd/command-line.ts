import type { BuildRequest } from "../../../specs/contracts/target.js";
import { runnerExports } from "./inspect.js";
import type { WasmToolchain } from "./toolchain.js";

/** The C stack lies below all data, so that running over it traps; 8 MiB as on Linux. */
const stackBytes = 8 << 20;
/** 65536 pages, all that wasm32 can address. */
const maximumMemoryBytes = 2 ** 32;

const sanitizerFlags = ["-fsanitize=undefined,float-cast-overflow", "-fno-sanitize=vptr,function", "-fno-sanitize-recover=all", "-g"];

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
/** A file in the folder where the shell starts: the sandbox's own writable one. */
const scratch = (name: string) => `"$scratch"/${name}`;

/** There are no threads here: -fopenmp means its SIMD part. */
const translate = (flag: string) => (flag === "-fopenmp" ? "-fopenmp-simd" : flag);

function systemFlags(toolchain: WasmToolchain): string[] {
  return [
    "--target=wasm32",
    "-nostdlibinc",
    "-isystem",
    toolchain.headers,
    "-D__wasi__=1", // the C library's headers ask for it; no WASI function can be linked all the same
    "-I.",
    "-fopenmp-simd",
    "-fno-exceptions",
    "-mbulk-memory",
    "-Wall",
    "-Wextra",
    "-Wno-unknown-pragmas",
  ];
}

/** A shell script whose first parameter is the source folder: compile each unit, link, object to stdout, what the tools say to stderr. */
export function buildScript(request: BuildRequest, toolchain: WasmToolchain, annotations: string[] = []): string {
  const { manifest } = request.candidate;
  const defines = Object.entries({ FORGE_THREADS: request.threads, ...manifest.chosen }).map(([name, value]) => `-D${name}=${value}`);
  const sanitized = request.mode === "sanitized";
  const lines = ["set -eu", "scratch=$PWD", 'cd "$1"'];
  const run = (words: string[], output: string, ...inputs: string[]) =>
    lines.push(`${words.map(quote).join(" ")} ${inputs.map(scratch).join(" ")} -o ${scratch(output)} 1>&2`);

  const objects = manifest.units.map((unit, index) => {
    const flags = [
      ...systemFlags(toolchain),
      ...unit.flags.map(translate),
      ...defines,
      ...(sanitized ? sanitizerFlags : []),
      ...annotations,
    ];
    // -x: the language is the manifest's, whatever the file is called; ./ keeps "-x" and "@x" from being read as options.
    const source = /^[A-Za-z0-9_]/.test(unit.source) ? unit.source : `./${unit.source}`;
    run([toolchain.clang, ...flags, "-c", "-x", manifest.language, source], `${index}.o`);
    return `${index}.o`;
  });
  if (sanitized) {
    run([toolchain.clang, "--target=wasm32", "-O1", "-w", "-c", "forge-build/ubsan.c"], "ubsan.o");
    objects.push("ubsan.o");
  }
  const exported = [...request.entries.map((entry) => entry.name), ...(sanitized ? ["forge_fault"] : [])];
  const libraries = [`-L${toolchain.libraries}`, "-lm", "-lc", ...(toolchain.builtins === null ? [] : [toolchain.builtins])];
  const link = [
    ...[toolchain.linker, "-m", "wasm32", "--no-entry", "--stack-first", "-z", `stack-size=${stackBytes}`],
    `--max-memory=${maximumMemoryBytes}`,
    "--fatal-warnings", // a call with another signature than the definition's becomes a trap with only a warning
    ...exported.map((name) => `--export=${name}`),
    ...runnerExports.map((name) => `--export-if-defined=${name}`),
  ];
  run([...link, ...libraries], "object.wasm", ...objects);
  lines.push(`cat ${scratch("object.wasm")}`);
  return lines.join("\n");
}
