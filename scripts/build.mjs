// Compiles to dist/. The stamp goes first, so that a build that was cut short counts as none.
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runStep } from "./steps.mjs";

const startedAt = new Date();
rmSync(join(root, "dist/.built"), { force: true });
const code = runStep(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"]);
if (code !== 0) process.exit(code);
chmodSync(join(root, "dist/harness/cli/main.js"), 0o755);
writeFileSync(join(root, "dist/.built"), `${startedAt.toISOString()}\n`);
