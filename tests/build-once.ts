import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** vitest's global set-up: tests of the CLI run the built program, so it is built once, before any of them. */
export default function buildOnce(): void {
  const built = spawnSync(process.execPath, ["scripts/build-if-stale.mjs"], { encoding: "utf8" });
  if (built.status === 0) return;
  const log = `${built.stdout}${built.stderr}`;
  // While somebody is writing, tests of what compiles are worth running; in CI nothing may be broken.
  if (process.env.CI || !existsSync("dist/harness/cli/main.js")) throw new Error(`the build failed:\n${log}`);
  process.stderr.write(`The build failed, so tests of the CLI see an old or partial one:\n${log}\n`);
}
