import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Memory, where there is any: arenas lie here. */
export const sharedMemory = "/dev/shm";

const nameOf = /^forge-[a-z]+-([0-9a-f]{8})-(\d+)-(\d+)-\w+$/;

/**
 * A temporary folder that names its maker, so that it can be told from a leftover: a process that is killed cannot clean up, the next
 * one does it.
 */
export function makeScratchFolder(kind: string, parent = tmpdir()): string {
  return mkdtempSync(join(parent, `forge-${kind}-${processSpace()}-${process.pid}-${startTicksOf(process.pid) ?? "0"}-`));
}

/** Removes the folders of makers that are gone. Not those of another boot, container or user: whether they live cannot be seen here. */
export function sweepScratchFolders(parents: readonly string[] = [sharedMemory, tmpdir()]): void {
  for (const parent of parents) for (const name of namesIn(parent)) if (isAbandoned(parent, name)) remove(join(parent, name));
}

function isAbandoned(parent: string, name: string): boolean {
  const [, space, pid, ticks] = nameOf.exec(name) ?? [];
  if (space !== processSpace() || startTicksOf(Number(pid)) === ticks) return false;
  // In a folder of another user its contents could be exchanged for links while they are removed.
  return lstatSync(join(parent, name), { throwIfNoEntry: false })?.uid === process.getuid?.();
}

/** Process numbers mean something within one boot and one pid namespace only. */
function processSpace(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return createHash("sha256")
    .update(`${boot} ${readlinkSync("/proc/self/ns/pid")}`)
    .digest("hex")
    .slice(0, 8);
}

/** Field 22 of /proc/PID/stat, which tells a process from a later one with its number; null where there is none. */
function startTicksOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Another process sweeps at the same time, or it is not ours to remove after all: it hurts nobody.
  }
}
