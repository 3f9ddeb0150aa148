import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { SandboxLimits } from "../../specs/contracts/sandbox.js";
import { memoryShare } from "./resource-watch.js";

const OPEN_FILES = 256;
/** The first process of the sandbox (bubblewrap's own) counts too. */
const OWN_PROCESSES = 1;

const linesByOption = {
  as: "Max address space",
  data: "Max data size",
  fsize: "Max file size",
  nproc: "Max processes",
  cpu: "Max cpu time",
  nofile: "Max open files",
} as const;
type LimitOption = keyof typeof linesByOption;

/** Our own hard limits: a higher one cannot be set, and trying would look like a failure of the program. */
function ownHardLimits(): Record<LimitOption, number> {
  const lines = readFileSync("/proc/self/limits", "utf8").split("\n");
  const hardOf = (start: string): number => {
    const value = lines
      .find((line) => line.startsWith(start))
      ?.slice(start.length)
      .trim()
      .split(/\s+/)[1];
    return value === undefined || value === "unlimited" ? Number.POSITIVE_INFINITY : Number(value);
  };
  const options = Object.keys(linesByOption) as LimitOption[];
  return Object.fromEntries(options.map((option) => [option, hardOf(linesByOption[option])])) as Record<LimitOption, number>;
}
const hardLimits = ownHardLimits();

/**
 * RLIMIT_NPROC counts per user namespace since Linux 5.14, so that it means "in this sandbox"; before, it counted all processes
 * of the user, and an ordinary user's other programs would use it up.
 */
export function processLimitIsPerSandbox(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

/** The `prlimit` command line that sets `limits` and becomes the program that follows it. */
export function limitCommand(limits: SandboxLimits, limitProcesses: boolean): string[] {
  const wanted: Partial<Record<LimitOption, number>> = {
    // Where address space cannot be limited (V8 reserves more than it uses), private writable memory is.
    ...(limits.addressSpaceBytes === null ? { data: memoryShare() } : { as: limits.addressSpaceBytes }),
    fsize: limits.fileBytes,
    cpu: Math.ceil(limits.cpuSeconds),
    nofile: OPEN_FILES,
    ...(limitProcesses ? { nproc: limits.processes + OWN_PROCESSES } : {}),
  };
  const settings = Object.entries(wanted).map(([option, value]) => {
    const soft = Math.min(value, hardLimits[option as LimitOption]);
    // A second more before SIGKILL, so that SIGXCPU can tell what happened.
    const hard = option === "cpu" ? Math.min(soft + 1, hardLimits.cpu) : soft;
    return `--${option}=${soft}:${hard}`;
  });
  return ["/usr/bin/prlimit", ...settings, "--core=0:0", "--"];
}
