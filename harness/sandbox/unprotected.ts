import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import type { Sandbox, SandboxCommand, SandboxMount, SandboxProcess } from "../../specs/contracts/sandbox.js";
import { makeScratchFolder } from "../../verifiers/targets/scratch-folder.js";
import { pinningCommand } from "./allowed-cpus.js";
import { environmentOf } from "./bubblewrap-arguments.js";
import { closingCommand } from "./inherited-descriptors.js";
import { killUnder } from "./process-tree.js";
import { limitCommand } from "./resource-limits.js";
import { endOfCode, type Settled, supervise } from "./supervise.js";

/** There are no mounts here: what is named by its path inside is named by its path on the host instead. */
function onHost(text: string, mounts: SandboxMount[]): string {
  // Longest first, so that a mount within another wins.
  const ordered = [...mounts].sort((a, b) => b.inside.length - a.inside.length);
  for (const { inside, host } of ordered) {
    const at = text.indexOf(inside);
    const next = text[at + inside.length];
    if (at >= 0 && (next === undefined || next === "/" || next === ":" || next === ",")) {
      return text.slice(0, at) + host + text.slice(at + inside.length);
    }
  }
  return text;
}

function start(command: SandboxCommand): SandboxProcess {
  const scratch = makeScratchFolder("unprotected");
  const argv = [
    ...closingCommand(command.channel === true ? 4 : 3),
    ...pinningCommand(command.cpus),
    // Not the process limit: outside a namespace it counts every process of the user.
    ...limitCommand(command.limits, false),
    ...command.command.map((argument) => onHost(argument, command.mounts)),
  ];
  const environment = Object.entries(environmentOf(command)).map(([name, value]) => [name, onHost(value, command.mounts)]);
  const child = spawn(argv[0] as string, argv.slice(1), {
    env: Object.fromEntries(environment) as Record<string, string>,
    cwd: scratch,
    // A process group of its own, so that what it leaves behind can be killed with it.
    detached: true,
    stdio: [command.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe", ...(command.channel === true ? ["pipe" as const] : [])],
  });
  const killGroup = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nobody of the group is left.
    }
  };
  const kill = (): void => {
    if (child.pid !== undefined) killUnder(child.pid);
    killGroup();
  };
  const settle = async ({ code, signal }: { code: number | null; signal: NodeJS.Signals | null }): Promise<Settled> => {
    killGroup();
    rmSync(scratch, { recursive: true, force: true });
    return signal !== null ? { kind: "signalled", signal } : endOfCode(code ?? 1);
  };
  return supervise({ child, treeRoot: Promise.resolve(child.pid ?? null), kill, settle }, command);
}

/**
 * For `--unsafe-no-sandbox`: the same port with an empty environment and resource limits, and nothing else.
 * Does not cover: files, network, other processes, daemons that leave the process group, scratch size, process count.
 */
export function createUnprotectedSandbox(): Sandbox {
  return {
    protection: () => ({ kind: "none", version: "", protections: ["rlimits", "memory-watch", "empty-environment"] }),
    start,
    run: async (command) => start(command).done,
  };
}
