// The steps before the main job, in the order in which they need each other; exits where one fails.
import { nodeModulesAreStale, runStep, say, startStep } from "./steps.mjs";

/**
 * `beside`: scripts that fetch what the tests compare with, while npm fetches.
 * @param {{ redis?: boolean, browser?: boolean, beside?: string[] }} [wanted]
 */
export async function prepareMachine(wanted = {}) {
  requireNode(20, 19);
  const beside = wanted.beside ?? [];
  const prerequisites = [
    ...(isCiArgument() ? ["--ci"] : []),
    ...(beside.length > 0 ? ["--packages-only"] : []),
    ...(wanted.redis ? ["--redis"] : []),
    ...(wanted.browser ? ["--browser"] : []),
  ];
  if (process.env.FORGE_SKIP_PREREQUISITES) say("FORGE_SKIP_PREREQUISITES is set: not looking for compilers and bubblewrap.");
  else stopUnlessDone(runStep(process.execPath, ["scripts/install-prerequisites.mjs", ...prerequisites]));
  const steps = beside.map((script) => startStep(process.execPath, [script]));
  if (nodeModulesAreStale()) {
    say("Installing node modules (npm install)");
    steps.push(startStep("npm", ["install", "--no-save", "--no-audit", "--no-fund"]));
  }
  for (const code of await Promise.all(steps)) stopUnlessDone(code);
}

/**
 * @param {number} major
 * @param {number} minor
 */
function requireNode(major, minor) {
  const [ours = 0, oursMinor = 0] = process.versions.node.split(".").map(Number);
  if (ours > major || (ours === major && oursMinor >= minor)) return;
  say(`Forge needs Node ${major}.${minor} or later, and this is ${process.version}: get it from nodejs.org or with nvm.`);
  process.exit(2);
}

function isCiArgument() {
  return process.argv.includes("--ci");
}

/** @param {number} code */
export function stopUnlessDone(code) {
  if (code !== 0) process.exit(code);
}
