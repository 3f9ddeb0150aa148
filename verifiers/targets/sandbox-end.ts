import type { SandboxEnd } from "../../specs/contracts/sandbox.js";

/** How a sandboxed process ended, in words for whoever wrote the code. */
export function sandboxEndText(end: SandboxEnd): string {
  switch (end.kind) {
    case "exited":
      return `exit code ${end.code}`;
    case "signalled":
      return `signal ${end.signal}`;
    case "timeout":
      return `out of time after ${end.afterMs} ms`;
    case "out-of-memory":
      return `out of memory: ${(end.usedBytes / 2 ** 20).toFixed(0)} MiB in use, more than it may have`;
    case "too-many-files":
      return `${end.files} files at once, more than it may have`;
    case "killed":
      return "killed";
  }
}
