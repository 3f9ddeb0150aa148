import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Sandbox } from "../../../specs/contracts/sandbox.js";
import type { Artifact, BuildRequest, BuildResult, Toolchain } from "../../../specs/contracts/target.js";
import { checkFlags } from "../../build-flags.js";
import { publishContent, replaceFile } from "../../replace-file.js";
import { sandboxEndText } from "../sandbox-end.js";
import { makeScratchFolder } from "../scratch-folder.js";
import { toolchainMounts } from "../toolchain-mounts.js";
import { supportedCompilers } from "./probe.js";

const maximumObjectBytes = 64 << 20;
const shellQuote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The compile and link commands of a candidate, run by a shell inside the sandbox; the object leaves on stdout. */
function buildScript(request: BuildRequest, compiler: string, annotations: string[]): string {
  const { manifest } = request.candidate;
  const cxx = manifest.language === "c++";
  const front = cxx ? compiler.replace(/gcc(?=(-\d+)?$)/, "g++").replace(/clang(?=(-\d+)?$)/, "clang++") : compiler;
  const definitions = Object.entries(manifest.chosen ?? {}).map(([name, value]) => `-D${name}=${value}`);
  const sanitized = request.mode === "sanitized";
  const always = ["-fPIC", "-fvisibility=default", "-I.", `-DFORGE_THREADS=${request.threads}`, "-Wall", "-Wextra", "-Wno-unknown-pragmas"];
  const checks = sanitized ? ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"] : [];
  const lines = manifest.units.map((unit, index) =>
    [front, "-c", ...always, ...unit.flags, ...definitions, ...checks, ...annotations, `./${unit.source}`]
      .map(shellQuote)
      .join(" ")
      .concat(` -o "$work/unit-${index}.o"`),
  );
  const objects = manifest.units.map((_, index) => `"$work/unit-${index}.o"`).join(" ");
  // Only the entries are exported, so a candidate cannot stand in for a symbol of the runner or of libc.
  // Compilers of C++ link its library although a kernel without it needs none.
  const hide = sanitized ? [] : ["-Wl,--as-needed", "-Wl,--version-script=./forge-exports.map", "-Wl,-z,now", "-Wl,-z,noexecstack"];
  const link = [...manifest.linkFlags, ...(sanitized ? ["-fsanitize=address,undefined"] : []), ...hide, "-lm"].map(shellQuote).join(" ");
  return [
    "set -e",
    'cd "$FORGE_SOURCE"',
    "work=$(mktemp -d)",
    "trap 'rm -rf \"$work\"' EXIT",
    ...lines.map((line) => `${line} 1>&2`),
    `${shellQuote(front)} -shared -o "$work/object.so" ${objects} ${link} 1>&2`,
    'cat "$work/object.so"',
  ].join("\n");
}

/**
 * Builds in the sandbox; the result is cached by the hash of everything that went in. `annotations`: our own flags for every unit, which
 * may add to what is said of the code but not change it.
 */
export async function buildObject(
  sandbox: Sandbox,
  cacheDirectory: string,
  toolchains: Toolchain[],
  request: BuildRequest,
  annotations: string[] = [],
): Promise<BuildResult> {
  const startedAt = performance.now();
  const fail = (log: string): BuildResult => ({ status: "failed", log, durationMs: performance.now() - startedAt });
  const { manifest } = request.candidate;
  const refused = checkFlags([...manifest.units.flatMap((unit) => unit.flags), ...manifest.linkFlags]);
  if (refused.length > 0) return fail(refused.map(({ flag, why }) => `flag ${flag} is not allowed: ${why}`).join("\n"));
  const toolchain = toolchains.find((candidate) => candidate.name === manifest.compiler);
  if (!toolchain) {
    const said = `compiler ${manifest.compiler} is not here; there are: ${toolchains.map((candidate) => candidate.name).join(", ")}`;
    // What this machine lacks is not the candidate's fault; a name that no machine has is.
    if (supportedCompilers.includes(manifest.compiler)) throw new Error(`${said}. Install it, or judge the kernel where it is`);
    return fail(said);
  }
  const exports = `{ global: ${request.entries.map((entry) => `${entry.name};`).join(" ")} local: *; };\n`;
  const files: Record<string, string> = { ...request.candidate.files, ...request.support, "forge-exports.map": exports };
  const script = buildScript(request, toolchain.path, annotations);
  const key = createHash("sha256")
    .update(JSON.stringify([toolchain.version, script, Object.entries(files).sort()]))
    .digest("hex");
  const cached = join(cacheDirectory, "objects", `${key}.so`);
  const cachedLog = logPath(cached);
  if (existsSync(cached) && existsSync(cachedLog)) return built(cached, key, readFileSync(cachedLog, "utf8"), startedAt);

  const source = makeScratchFolder("source");
  try {
    chmodSync(source, 0o755);
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(source, name)), { recursive: true, mode: 0o755 });
      writeFileSync(join(source, name), text, { mode: 0o644 });
    }
    const output = await sandbox.run({
      profile: "build",
      command: ["/bin/sh", "-c", script],
      mounts: [{ host: source, inside: "/source", writable: false }, ...toolchainMounts(toolchain.path)],
      limits: {
        wallMs: 120_000,
        cpuSeconds: 120,
        addressSpaceBytes: 4 * 2 ** 30,
        fileBytes: 256 << 20,
        processes: 128,
        scratchBytes: 512 << 20,
        outputBytes: maximumObjectBytes,
      },
      environment: { PATH: "/usr/bin:/bin", TMPDIR: "/tmp", LC_ALL: "C.UTF-8", FORGE_SOURCE: "/source" },
    });
    const log = output.stderr.toString("utf8");
    if (output.end.kind !== "exited") return fail(`the compiler was stopped: ${sandboxEndText(output.end)}\n${log}`);
    if (output.end.code !== 0) return fail(log || `the compiler ended with ${sandboxEndText(output.end)} and said nothing`);
    if (output.truncated) return fail(`the object is larger than ${maximumObjectBytes} bytes`);
    replaceFile(cachedLog, log);
    publishContent(cached, output.stdout);
    return built(cached, key, log, startedAt);
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}

const logPath = (object: string): string => `${object}.warnings`;

/** All that the compiler said while it made the object. */
export const buildLog = (artifact: Artifact): string => readFileSync(logPath(artifact.path), "utf8");

function built(path: string, hash: string, log: string, startedAt: number): BuildResult {
  const warnings = log.split("\n").filter((line) => line.includes("warning:"));
  return { status: "built", artifact: { path, hash }, warnings, durationMs: performance.now() - startedAt };
}
