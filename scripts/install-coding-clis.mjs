// Claude Code and Codex, for the tests in which they forge a kernel with a scripted model: 650 MB, so only in CI or where asked for.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codingClis, codingClisFolder, codingClisStamp } from "./coding-clis.mjs";
import { outputOf, runStep, say } from "./steps.mjs";

const wanted = Object.entries(codingClis).map(([name, version]) => `${name}@${version}`);

/** @param {string} program */
const starts = (program) => outputOf(join(codingClisFolder, "node_modules/.bin", program), ["--version"]) !== null;

if (!existsSync(codingClisStamp)) {
  say(`Installing ${wanted.join(" ")} into ${codingClisFolder}`);
  mkdirSync(codingClisFolder, { recursive: true });
  // Without a package.json of its own, npm would look for one in the folders above.
  writeFileSync(join(codingClisFolder, "package.json"), "{}\n");
  const code = runStep("npm", [
    "install",
    "--prefix",
    codingClisFolder,
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    ...wanted,
  ]);
  if (code !== 0 || !starts("claude") || !starts("codex")) {
    say(`npm could not install ${wanted.join(" ")}: the tests in which they work for Forge cannot run.`);
    process.exit(2);
  }
  writeFileSync(codingClisStamp, `${wanted.join("\n")}\n`);
}
