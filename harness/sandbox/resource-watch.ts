import { statfsSync } from "node:fs";
import { totalmem } from "node:os";
import type { SandboxCommand, SandboxEnd } from "../../specs/contracts/sandbox.js";
import { memoryUnder, proportionalMemoryUnder } from "./process-tree.js";

/** Builds start processes, each with its own limit; at run time there is one process, and something may be timed. */
const INTERVAL_MS = { build: 100, run: 1000 };
const MEMORY_SHARE = 0.75;
const SCRATCH_FILES = 65_536;
const TMPFS_MAGIC = 0x0102_1994;
const SCRATCH_FOLDERS = ["/tmp", "/dev/shm"];

/** In bytes: this share of what the machine, or the control group that we are in, has. */
export function memoryShare(): number {
  // 0, undefined or more than there is where nothing constrains us: that differs between versions of Node.
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(totalmem(), constrained) * MEMORY_SHARE);
}

/** Memory and files on the sandbox's writable tmpfs, which no limit of a process counts. */
function scratchUse(root: number, scratchBytes: number): { bytes: number; files: number }[] {
  return SCRATCH_FOLDERS.flatMap((folder) => {
    try {
      const { type, bsize, blocks, bfree, files, ffree } = statfsSync(`/proc/${root}/root${folder}`);
      // Before the sandbox has a root of its own, and where it lacks one, this is the host's.
      const isOwn = type === TMPFS_MAGIC && blocks * bsize < scratchBytes + bsize;
      return isOwn ? [{ bytes: (blocks - bfree) * bsize, files: files - ffree }] : [];
    } catch {
      return []; // the process ended meanwhile
    }
  });
}

/** What is over its limit now; null where nothing is. */
function overrun(root: number, { limits }: SandboxCommand): SandboxEnd | null {
  const scratch = scratchUse(root, limits.scratchBytes);
  const files = Math.max(0, ...scratch.map((use) => use.files));
  if (files > (limits.scratchFiles ?? SCRATCH_FILES)) return { kind: "too-many-files", files };
  const scratchBytes = scratch.reduce((sum, use) => sum + use.bytes, 0);
  const memoryBytes = limits.memoryBytes ?? memoryShare();
  if (memoryUnder(root) + scratchBytes <= memoryBytes) return null;
  // Pages that several share were counted for each: only where that sum is too much the exact one, which takes long, is asked for.
  const usedBytes = proportionalMemoryUnder(root) + scratchBytes;
  return usedBytes > memoryBytes ? { kind: "out-of-memory", usedBytes } : null;
}

/** Looks at what the processes under `root` use together, until the returned function is called. */
export function watchResources(root: () => number | null, command: SandboxCommand, onOverrun: (end: SandboxEnd) => void): () => void {
  const timer = setInterval(() => {
    const pid = root();
    const end = pid === null ? null : overrun(pid, command);
    if (end !== null) onOverrun(end);
  }, INTERVAL_MS[command.profile]);
  timer.unref();
  return () => clearInterval(timer);
}
