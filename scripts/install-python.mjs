// PyTorch and transformers in `.venv`, for the tests and tables that compare with it. Forge itself needs no Python.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { outputOf, root, runStep, say } from "./steps.mjs";

const packages = ["torch==2.13.0", "numpy", "safetensors", "transformers==5.17.0"];
const python = join(root, ".venv/bin/python");
const stamp = join(root, ".venv/.forge-installed");
const stampText = `${packages.join("\n")}\n`;

export function installPython() {
  if (isInstalled()) return;
  say(`Installing ${packages.join(" ")} into .venv (some minutes the first time)`);
  if (!existsSync(python) && runStep("python3", ["-m", "venv", join(root, ".venv")]) !== 0) {
    say("python3 could not create .venv: install python3-venv (Debian, Ubuntu), then run this again.");
    process.exit(2);
  }
  if (runStep(python, ["-m", "pip", "install", "--quiet", "--retries", "0", ...packages]) !== 0) {
    say(`pip could not install ${packages.join(" ")}: the tests that compare with PyTorch cannot run.`);
    process.exit(2);
  }
  writeFileSync(stamp, stampText);
}

/** All of today's packages, and still usable. */
function isInstalled() {
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== stampText) return false;
  return outputOf(python, ["-c", "import torch, numpy, safetensors, tokenizers"]) !== null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installPython();
