import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Sandbox, SandboxLimits } from "../../../specs/contracts/sandbox.js";
import type { BuildRequest, BuildResult } from "../../../specs/contracts/target.js";
import { checkFlags } from "../../build-flags.js";
import { publishContent, replaceFile } from "../../replace-file.js";
import { sandboxEndText } from "../sandbox-end.js";
import { makeScratchFolder } from "../scratch-folder.js";
import { toolchainMounts } from "../toolchain-mounts.js";
import { asset } from "./assets.js";
import { buildScript } from "./command-line.js";
import type { WasmToolchain } from "./toolchain.js";

const maximumObjectBytes = 64 << 20;

const limits: SandboxLimits = {
  wallMs: 180_000,
  cpuSeconds: 180,
  addressSpaceBytes: 8 * 2 ** 30,
  fileBytes: maximumObjectBytes,
  processes: 64,
  scratchBytes: 512 << 20,
  outputBytes: maximumObjectBytes,
};

interface CachedBuild {
  hash: string;
  warnings: string[];
  /** What the compiler said, where it was asked for remarks. */
  remarks?: string;
}

export interface BuildContext {
  sandbox: Sandbox;
  cacheDirectory: string;
  toolchain: WasmToolchain;
}

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** Warnings as the compiler printed them, each with the lines that belong to it. */
function splitWarnings(log: string): string[] {
  const starts = log.split(/^(?=\S.*\bwarning: )/m);
  return starts.filter((block) => /\bwarning: /.test(block)).map((block) => block.replace(/^\d+ warnings? generated\.\n?/m, "").trimEnd());
}

/**
 * Compiles and links in the sandbox; the object comes out through stdout, never through a writable mount. `annotations`: our own flags for
 * every unit, which may add to what is said of the code but not change it; what the compiler then says is in `remarks`.
 */
export async function buildObject(
  request: BuildRequest,
  context: BuildContext,
  annotations: string[] = [],
): Promise<BuildResult & { remarks?: string }> {
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const { manifest } = request.candidate;
  const refused = checkFlags([...manifest.units.flatMap((unit) => unit.flags), ...manifest.linkFlags]);
  if (refused.length > 0) {
    const log = refused.map(({ flag, why }) => `forge.json: flag ${JSON.stringify(flag)} ${why}`).join("\n");
    return { status: "failed", log, durationMs: elapsed() };
  }
  if (manifest.compiler !== "clang") {
    return {
      status: "failed",
      log: `forge.json: compiler ${JSON.stringify(manifest.compiler)} is not here; use "clang"`,
      durationMs: elapsed(),
    };
  }
  const missing = manifest.units.filter((unit) => request.candidate.files[unit.source] === undefined);
  if (missing.length > 0 || manifest.units.length === 0) {
    const names = missing.map((unit) => unit.source).join(", ");
    const log =
      names === "" ? "forge.json: units is empty; name at least one source" : `forge.json: units names files that are not there: ${names}`;
    return { status: "failed", log, durationMs: elapsed() };
  }

  const ubsan = await readFile(asset("ubsan.c"), "utf8");
  const script = buildScript(request, context.toolchain, annotations);
  const { files } = request.candidate;
  const key = sha256(
    JSON.stringify([1, context.toolchain.version, script, Object.entries(files).sort(), Object.entries(request.support).sort(), ubsan]),
  );
  const objects = join(context.cacheDirectory, "wasm-simd", "objects");
  const record = join(context.cacheDirectory, "wasm-simd", "builds", `${key}.json`);
  const cached = await readCached(record, objects);
  if (cached !== null) {
    return {
      status: "built",
      artifact: { path: join(objects, `${cached.hash}.wasm`), hash: cached.hash },
      warnings: cached.warnings,
      ...(cached.remarks === undefined ? {} : { remarks: cached.remarks }),
      durationMs: elapsed(),
    };
  }

  const folder = makeScratchFolder("wasm");
  try {
    await writeSources(folder, { ...files, ...request.support, "forge-build/ubsan.c": ubsan });
    const output = await context.sandbox.run({
      profile: "build",
      command: ["/bin/sh", "-c", script, "sh", "/src"],
      mounts: [{ host: folder, inside: "/src", writable: false }, ...toolchainMounts(context.toolchain.clang, context.toolchain.linker)],
      limits,
      environment: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    });
    const log = output.stderr.toString("utf8");
    if (output.end.kind !== "exited" || output.end.code !== 0) {
      const end = output.end.kind === "exited" ? "" : `the compiler was stopped: ${sandboxEndText(output.end)}\n`;
      return { status: "failed", log: end + log, durationMs: elapsed() };
    }
    if (output.truncated || output.stdout.length >= maximumObjectBytes) {
      return { status: "failed", log: `${log}\nthe object or the compiler's output is larger than 64 MiB`, durationMs: elapsed() };
    }
    const remarks = annotations.length === 0 ? {} : { remarks: log };
    const build: CachedBuild = { hash: sha256(output.stdout), warnings: splitWarnings(log), ...remarks };
    const path = join(objects, `${build.hash}.wasm`);
    publishContent(path, output.stdout, 0o444);
    replaceFile(record, JSON.stringify(build));
    return { status: "built", artifact: { path, hash: build.hash }, warnings: build.warnings, ...remarks, durationMs: elapsed() };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeSources(folder: string, files: Record<string, string>): Promise<void> {
  // The sandbox's own user must be able to read what mkdtemp made private.
  await chmod(folder, 0o755);
  for (const [name, content] of Object.entries(files)) {
    const path = resolve(folder, name);
    if (relative(folder, path).startsWith("..") || name.includes("\0"))
      throw new Error(`candidate file ${JSON.stringify(name)} leaves its folder: use a relative path`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o644 });
  }
}

/** A record counts only while its object is there and is what the record says. */
async function readCached(record: string, objects: string): Promise<CachedBuild | null> {
  try {
    const build = JSON.parse(await readFile(record, "utf8")) as CachedBuild;
    return sha256(await readFile(join(objects, `${build.hash}.wasm`))) === build.hash ? build : null;
  } catch {
    return null; // not built yet, or damaged: build again
  }
}
