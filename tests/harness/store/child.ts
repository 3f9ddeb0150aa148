import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** Starts a TypeScript program of this folder as a process of its own. */
export function startChild(name: string, words: string[], launcher: string[] = []): ChildProcess {
  const command = [...launcher, process.execPath, "--import", "tsx", fileURLToPath(new URL(name, import.meta.url)), ...words];
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

export interface Ended {
  lines: string[];
  errors: string;
  signal: NodeJS.Signals | null;
  code: number | null;
}

/** Collects what it prints until it ends; `onLine` sees each line as it comes. */
export function untilEnd(child: ChildProcess, onLine: (line: string) => void = () => {}): Promise<Ended> {
  const lines: string[] = [];
  let errors = "";
  createInterface({ input: child.stdout! }).on("line", (line) => {
    lines.push(line);
    onLine(line);
  });
  child.stderr!.on("data", (chunk) => (errors += String(chunk)));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ lines, errors, code, signal }));
  });
}
