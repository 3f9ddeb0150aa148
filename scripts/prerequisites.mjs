// What a machine needs, and which Debian or Ubuntu packages bring it. Pure: the caller asks the machine.

/** The oldest clang whose C knows __bf16 on x86-64 and whose WebAssembly back end has SIMD. */
export const oldestClang = 15;

/** Programs that any version of will do, and their packages. */
const programs = [
  { program: "gcc", package: "gcc" },
  { program: "g++", package: "g++" },
  { program: "git", package: "git" },
  { program: "bwrap", package: "bubblewrap" },
  // The tests have it read what Forge writes; PyTorch, a peer and the reference framework, lives in a virtual environment of it.
  { program: "python3", package: "python3" },
];

/** What Chromium is called where; the tests look for the same. */
export const browsers = ["chromium", "chromium-browser", "google-chrome"];

/**
 * clang and everything that must be of its version.
 * @param {number} version
 */
export function clangPackages(version) {
  return [`clang-${version}`, `lld-${version}`, `libomp-${version}-dev`, `libclang-rt-${version}-dev`, `libclang-rt-${version}-dev-wasm32`];
}

/**
 * Newest version of clang-N in the output of `apt-cache search --names-only '^clang-[0-9]+$'`; null where there is none.
 * @param {string} aptOutput
 */
export function newestClang(aptOutput) {
  const versions = [...aptOutput.matchAll(/^clang-(\d+) /gm)].map((match) => Number(match[1]));
  return versions.length === 0 ? null : Math.max(...versions);
}

/**
 * @typedef {object} Machine
 * @property {(program: string) => boolean} hasProgram
 * @property {(packageName: string) => boolean} hasPackage installed
 * @property {(packageName: string) => boolean} offers known to apt
 * @property {number | null} newestClang in apt
 */

/**
 * The packages that are missing. A complete clang of a sufficient version is kept, even if apt has a newer one.
 * @param {Machine} machine
 * @param {{ python: boolean, redis?: boolean, browser?: boolean }} wanted
 */
export function missingPackages(machine, wanted) {
  const missing = programs.filter((entry) => !machine.hasProgram(entry.program)).map((entry) => entry.package);
  // gcc only recommends it, and minimal images leave recommendations out.
  if (!machine.hasPackage("libc6-dev")) missing.push("libc6-dev");
  if (!machine.hasPackage("wasi-libc")) missing.push("wasi-libc");
  // The queue's tests start one of their own; whoever only forges needs none.
  if (wanted.redis) missing.push(...["redis-server", "openssl"].filter((program) => !machine.hasProgram(program)));
  // The dashboard is tested in one; any Chromium will do.
  if (wanted.browser && !browsers.some((program) => machine.hasProgram(program))) missing.push("chromium");
  // Debian's python3 comes without the means to make a virtual environment.
  if (wanted.python && !machine.hasPackage("python3-venv")) missing.push("python3-venv");
  const newest = Math.max(machine.newestClang ?? oldestClang, oldestClang);
  for (let version = newest + 5; version >= oldestClang; version -= 1) {
    if (clangPackages(version).every((name) => machine.hasPackage(name) || (isOptional(name) && !machine.offers(name)))) return missing;
  }
  const wantedClang = clangPackages(newest).filter((name) => !machine.hasPackage(name));
  // Ubuntu 22.04 has no compiler-rt for wasm32 of its newest clang: the target wasm-simd then says so itself.
  return [...missing, ...wantedClang.filter((name) => !isOptional(name) || machine.offers(name))];
}

/** @param {string} name */
function isOptional(name) {
  return name.endsWith("-wasm32");
}
