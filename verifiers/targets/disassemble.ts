import type { Sandbox } from "../../specs/contracts/sandbox.js";
import type { Artifact } from "../../specs/contracts/target.js";
import { toolchainMounts } from "./toolchain-mounts.js";

/** Runs a disassembler on an object that nobody trusts, in the sandbox; null where it fails. What exceeds the limit is cut away. */
export async function disassemble(sandbox: Sandbox, program: string, options: string[], artifact: Artifact): Promise<string | null> {
  const output = await sandbox.run({
    profile: "build",
    command: [program, ...options, "/object"],
    mounts: [{ host: artifact.path, inside: "/object", writable: false }, ...toolchainMounts(program)],
    limits: {
      wallMs: 30_000,
      cpuSeconds: 30,
      addressSpaceBytes: 4 * 2 ** 30,
      fileBytes: 1 << 20,
      processes: 16,
      scratchBytes: 1 << 20,
      outputBytes: 24 << 20,
    },
    environment: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
  });
  return output.end.kind === "exited" && output.end.code === 0 ? output.stdout.toString("utf8") : null;
}
