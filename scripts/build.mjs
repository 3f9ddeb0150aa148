// Compiles to dist/. The stamp goes first, so that a build that was cut short counts as none.
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root, runStep } from "./steps.mjs";

/** The dashboard's page, with the functions that it shares with the terminal, in one script and one style sheet. */
async function bundlePage() {
  await build({
    absWorkingDir: root,
    entryPoints: { page: "harness/dashboard/page/main.ts" },
    outdir: "dist/harness/dashboard/page",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    // Text in scripts and styles is never markup: a report holds both inline.
    charset: "utf8",
    legalComments: "none",
    tsconfig: "tsconfig.page.json",
    logLevel: "warning",
  });
}

const startedAt = new Date();
rmSync(join(root, "dist/.built"), { force: true });
const code = runStep(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"]);
if (code !== 0) process.exit(code);
await bundlePage();
chmodSync(join(root, "dist/harness/cli/main.js"), 0o755);
writeFileSync(join(root, "dist/.built"), `${startedAt.toISOString()}\n`);
