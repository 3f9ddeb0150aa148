import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Sandbox, SandboxCommand, SandboxLimits, SandboxOutput } from "../../../specs/contracts/sandbox.js";

const sources = fileURLToPath(new URL("../../fixtures/sandbox/", import.meta.url));
const MEBIBYTE = 1 << 20;

export const limits: SandboxLimits = {
  wallMs: 20_000,
  cpuSeconds: 10,
  addressSpaceBytes: 512 * MEBIBYTE,
  fileBytes: 64 * MEBIBYTE,
  processes: 32,
  scratchBytes: 8 * MEBIBYTE,
  outputBytes: 100_000,
};

export interface AttackPrograms {
  /** Folder of the compiled programs on the host. */
  folder: string;
  /** An empty folder on the host, for writable mounts. */
  scratch(): string;
  command(program: "system-call" | "resources" | "behaviour", argv: string[], more?: Partial<SandboxCommand>): SandboxCommand;
  remove(): void;
}

/** Compiles tests/fixtures/sandbox with the host's gcc; a test that mounts them sees them under /attack. */
export function compileAttackPrograms(): AttackPrograms {
  const root = mkdtempSync(join(tmpdir(), "forge-attacks-"));
  const folder = join(root, "programs");
  mkdirSync(folder);
  for (const name of ["system-call", "resources", "behaviour"]) {
    execFileSync("gcc", ["-O1", "-pthread", join(sources, `${name}.c`), "-o", join(folder, name)]);
  }
  let folders = 0;
  return {
    folder,
    scratch: () => {
      const path = join(root, `scratch-${folders++}`);
      mkdirSync(path);
      return path;
    },
    command: (program, argv, more) => ({
      profile: "run",
      command: [`/attack/${program}`, ...argv],
      limits,
      ...more,
      mounts: [{ host: folder, inside: "/attack", writable: false }, ...(more?.mounts ?? [])],
    }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** What a program printed, without the line's end. */
export function printed(output: SandboxOutput): string {
  return output.stdout.toString().trim();
}

export async function runAndPrint(sandbox: Sandbox, command: SandboxCommand): Promise<string> {
  return printed(await sandbox.run(command));
}
