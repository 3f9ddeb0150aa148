import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import { mainPath } from "../harness/cli/run-forge.js";
import { until } from "../harness/queue/conformance-parts.js";

export const secret = "a secret that is nowhere but here: 7c1d9e55b0";

/** `forge worker`, or another program that is one, as a service would run it. */
export async function startWorker(url: string, options: { program?: string[]; targets?: string; folder?: string } = {}) {
  const { program = [mainPath], targets = "x86-64", folder = process.cwd() } = options;
  const child: ChildProcess = spawn(process.execPath, [...program, "worker", "--target", targets], {
    cwd: folder,
    env: { ...process.env, FORGE_REDIS: url, FORGE_QUEUE_SECRET: secret, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (text: Buffer) => {
      said += text.toString("utf8");
    });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await until("the worker waits for jobs", () => said.includes("waits for jobs") || child.exitCode !== null, 30_000);
  /** Its word and its verdicts come by different ways: either may be first. */
  const says = (text: string) => until(`the worker says '${text}'`, () => said.includes(text));
  return { child, ended, says, said: () => said };
}

/** Processes that a process started, and theirs. */
export function descendants(pid: number): { pid: number; command: string }[] {
  let children: number[] = [];
  try {
    // Of every thread: Node starts processes from its main one, bubblewrap from its only one.
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return children.flatMap((child) => {
    let command = "";
    try {
      command = readFileSync(`/proc/${child}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return [];
    }
    return [{ pid: child, command }, ...descendants(child)];
  });
}

/** Gone, or dead and waited for by nobody: what counts is that it runs no more. */
export function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return true;
  }
}
