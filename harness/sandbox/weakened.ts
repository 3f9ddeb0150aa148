import type { Sandbox, SandboxCommand, SandboxLimits } from "../../specs/contracts/sandbox.js";
import { findBubblewrap } from "./bubblewrap-installation.js";
import type { LimitProtection, Protection } from "./protection.js";
import { startBubblewrap } from "./start-bubblewrap.js";

const MEBIBYTE = 1 << 20;

/** A limit that is taken away gives way to an outer one: whatever an attack is, the host does not suffer from its success. */
const outerLimits: Record<LimitProtection, Partial<SandboxLimits>> = {
  "process-limit": { processes: 100 },
  "memory-limit": { addressSpaceBytes: 2048 * MEBIBYTE },
  "total-memory-limit": { memoryBytes: 2048 * MEBIBYTE },
  "file-size-limit": { fileBytes: 2 ** 42 },
  "scratch-limit": { scratchBytes: 64 * MEBIBYTE },
  "file-count-limit": { scratchFiles: 1_000_000 },
  "cpu-limit": { cpuSeconds: 60 },
  "wall-limit": { wallMs: 60_000 },
  "output-limit": { outputBytes: 64 * MEBIBYTE },
};

/**
 * A disposable sandbox that lacks the protections named and has all others: for tests alone, which show with it that an attack works
 * where nothing stops it. It claims no protection, and what ran in it cannot be certified. Without a user of its own (`own-user`)
 * a program has all rights of ours: root's.
 */
export function createWeakenedSandbox(removed: readonly Protection[]): Sandbox {
  const installation = findBubblewrap();
  const without = new Set(removed);
  const start = (command: SandboxCommand) => startBubblewrap(installation, weakened(command, without), without);
  return {
    protection: () => ({ kind: "weakened", version: installation.version, protections: [] }),
    start,
    run: async (command) => start(command).done,
  };
}

function weakened(command: SandboxCommand, without: ReadonlySet<Protection>): SandboxCommand {
  const loosened = (Object.keys(outerLimits) as LimitProtection[]).filter((limit) => without.has(limit));
  return {
    ...command,
    limits: Object.assign({ ...command.limits }, ...loosened.map((limit) => outerLimits[limit])),
    mounts: without.has("read-only-mounts") ? command.mounts.map((mount) => ({ ...mount, writable: true })) : command.mounts,
  };
}
