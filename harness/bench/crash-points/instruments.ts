import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { packageRoot } from "../../package-root.js";

/** What lets a program crash at a chosen system call, and what catches whatever it leaves running; built from C once a bench. */
export interface Instruments {
  shim: string;
  reaper: string;
  /** A folder for PATH whose `git` carries the shim too: Forge gives git an environment of its own. */
  gitFolder: string;
}

export async function buildInstruments(folder: string): Promise<Instruments> {
  const sources = join(packageRoot(), "harness", "bench", "crash-points");
  const shim = join(folder, "shim.so");
  const reaper = join(folder, "reaper");
  await execa("gcc", ["-O2", "-shared", "-fPIC", "-o", shim, join(sources, "shim.c"), "-ldl"]);
  await execa("gcc", ["-O2", "-o", reaper, join(sources, "reaper.c")]);
  const { stdout: git } = await execa("/bin/sh", ["-c", "command -v git"]);
  const gitFolder = join(folder, "git");
  mkdirSync(gitFolder);
  // The settings come from a file beside the shared counter, as the environment does not reach this far.
  const script = `#!/bin/sh\n. "${settingsPath(folder)}"\nFORGE_CRASH_TOO=$PPID LD_PRELOAD="${shim}" exec ${git} "$@"\n`;
  writeFileSync(join(gitFolder, "git"), script);
  chmodSync(join(gitFolder, "git"), 0o755);
  return { shim, reaper, gitFolder };
}

function settingsPath(folder: string): string {
  return join(folder, "settings.sh");
}

/** Where and how a program is to fail: at call number `at` (from 1) of those that change what `paths` names. 0 only counts. */
export interface CallCrash {
  kind: "call";
  paths: string;
  at: number;
  how: "before" | "half" | "full";
}

/** How many calls the last program made that fit. */
export function countedCalls(folder: string): number {
  return Number(readFileSync(join(folder, "count")).readBigUInt64LE());
}

/** The environment in which a program fails so. One program at a time. */
export function crashEnvironment(
  folder: string,
  instruments: Instruments,
  crash: CallCrash,
  tracePath: string | null,
): Record<string, string> {
  const counter = join(folder, "count");
  writeFileSync(counter, Buffer.alloc(8));
  const settings: Record<string, string> = {
    FORGE_CRASH_PATHS: crash.paths,
    FORGE_CRASH_AT: String(crash.at),
    FORGE_CRASH_HOW: crash.how,
    FORGE_CRASH_COUNT: counter,
    ...(tracePath === null ? {} : { FORGE_CRASH_TRACE: tracePath }),
  };
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}="${value}"\n`);
  writeFileSync(settingsPath(folder), lines.join(""));
  return { ...settings, FORGE_CRASH_PRELOAD: instruments.shim, PATH: `${instruments.gitFolder}:${process.env.PATH ?? "/usr/bin:/bin"}` };
}
