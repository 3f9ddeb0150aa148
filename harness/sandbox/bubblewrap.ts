import type { Sandbox, SandboxCommand } from "../../specs/contracts/sandbox.js";
import { findBubblewrap } from "./bubblewrap-installation.js";
import { nothingRemoved } from "./protection.js";
import { startBubblewrap } from "./start-bubblewrap.js";

/**
 * Generated code in namespaces of its own, under a seccomp filter and limits. Throws SandboxUnavailable.
 * Does not cover: what a burst of memory or files takes between two looks (a tenth of a second for builds, a second at run time),
 * other programs of the same image being executed (they are held by the same filter and limits), flaws of the kernel in what the
 * filter lets through.
 */
export function createBubblewrapSandbox(): Sandbox {
  const installation = findBubblewrap();
  const start = (command: SandboxCommand) => startBubblewrap(installation, command, nothingRemoved);
  return {
    protection: () => ({ kind: "bubblewrap", version: installation.version, protections: installation.protections }),
    start,
    run: async (command) => start(command).done,
  };
}
