// The steps before the main job, in the order in which they need each other; exits where one fails.
import { nodeModulesAreStale, runStep, say } from "./steps.mjs";

export function prepareMachine() {
  // Compilers first: where better-sqlite3 has no prebuilt binary, npm compiles it.
  const prerequisites = isCiArgument() ? ["--ci"] : [];
  stopUnlessDone(runStep(process.execPath, ["scripts/install-prerequisites.mjs", ...prerequisites]));
  if (nodeModulesAreStale()) {
    say("Installing node modules (npm install)");
    stopUnlessDone(runStep("npm", ["install", "--no-save", "--no-audit", "--no-fund"]));
  }
}

function isCiArgument() {
  return process.argv.includes("--ci");
}

/** @param {number} code */
export function stopUnlessDone(code) {
  if (code !== 0) process.exit(code);
}
