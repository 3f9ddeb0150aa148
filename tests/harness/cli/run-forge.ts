import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

export const mainPath = resolve("dist/harness/cli/main.js");

export interface ForgeResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built program as a user would, in a folder of the test's choice. */
export function runForge(commandLine: string[], folder = process.cwd(), environment: Record<string, string> = {}): ForgeResult {
  const ended = spawnSync(process.execPath, [mainPath, ...commandLine], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", FORGE_DEBUG: "", ...environment },
  });
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}
