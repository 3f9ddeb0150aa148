// Lets `npx forge` in this repository mean the program that was built here, and never a package of the same name elsewhere.
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.mjs";

export function linkProgram() {
  chmodSync(join(root, "dist/harness/cli/main.js"), 0o755);
  const folder = join(root, "node_modules/.bin");
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, "forge"), { force: true });
  symlinkSync("../../dist/harness/cli/main.js", join(folder, "forge"));
}
