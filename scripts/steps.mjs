// Small helpers for the scripts that run with bare Node, before node_modules exists.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs a command with our streams; returns its exit code.
 * @param {string} command
 * @param {string[]} commandArguments
 * @param {Record<string, string>} [environment]
 */
export function runStep(command, commandArguments, environment = {}) {
  // Ctrl-C reaches the child too, which ends in its own way; we wait for it and pass its code on.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const ended = spawnSync(command, commandArguments, { cwd: root, stdio: "inherit", env: { ...process.env, ...environment } });
  process.off("SIGINT", ignore);
  if (ended.error) say(`${command}: ${ended.error.message}`);
  return ended.status ?? (ended.signal === "SIGINT" ? 130 : 4);
}

/**
 * As `runStep`, beside what else is done meanwhile.
 * @param {string} command
 * @param {string[]} commandArguments
 * @returns {Promise<number>}
 */
export function startStep(command, commandArguments) {
  const child = spawn(command, commandArguments, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve) => {
    child.once("error", (error) => {
      say(`${command}: ${error.message}`);
      resolve(4);
    });
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 4)));
  });
}

/**
 * The command's standard output, or null where it is missing or fails.
 * @param {string} command
 * @param {string[]} commandArguments
 */
export function outputOf(command, commandArguments) {
  const ended = spawnSync(command, commandArguments, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return ended.status === 0 ? ended.stdout : null;
}

/** @param {string} program */
export function isOnPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Modification time in milliseconds; 0 where there is no such file.
 * @param {string} path
 */
export function modifiedAt(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** True where npm must run: nothing installed, or installed before package-lock.json changed. */
export function nodeModulesAreStale() {
  return modifiedAt("node_modules/.package-lock.json") < modifiedAt("package-lock.json");
}

/** In CI a missing prerequisite is a failure, and the comparison with PyTorch is not optional. */
export function isContinuousIntegration() {
  return process.argv.includes("--ci") || (process.env.CI ?? "") !== "";
}
