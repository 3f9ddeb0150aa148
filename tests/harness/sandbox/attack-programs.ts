import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Sandbox, SandboxCommand, SandboxLimits, SandboxOutput } from "../../../specs/contracts/sandbox.js";

const MEBIBYTE = 1 << 20;
const programNames = ["system-call", "resources", "behaviour", "network", "files"] as const;
export type ProgramName = (typeof programNames)[number];

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
  /** Where a command finds them; no other test names its own like this, so that what is left behind can be told. */
  inside: string;
  /** An empty folder on the host, for writable mounts. */
  scratch(): string;
  command(program: ProgramName, argv: string[], more?: Partial<SandboxCommand>): SandboxCommand;
  remove(): void;
}

/** Compiles tests/fixtures/sandbox with the host's gcc. */
export function compileAttackPrograms(): AttackPrograms {
  const sources = resolve("tests/fixtures/sandbox");
  const root = mkdtempSync(join(tmpdir(), "forge-attacks-"));
  // Any sandbox's user must reach them.
  chmodSync(root, 0o755);
  const folder = join(root, "programs");
  mkdirSync(folder);
  for (const name of programNames) {
    execFileSync("gcc", ["-O1", "-Wall", "-pthread", join(sources, `${name}.c`), "-o", join(folder, name)]);
  }
  execFileSync("gcc", ["-O1", "-shared", "-fPIC", join(sources, "clock.c"), "-o", join(folder, "clock.so")]);
  return attackProgramsIn(root, `/attack-${process.pid}`);
}

/** The same programs for another process of the test. */
export function attackProgramsIn(root: string, inside: string): AttackPrograms {
  const folder = join(root, "programs");
  return {
    folder,
    inside,
    scratch: () => mkdtempSync(join(tmpdir(), "forge-scratch-")),
    command: (program, argv, more) => ({
      profile: "run",
      command: [`${inside}/${program}`, ...argv],
      limits,
      ...more,
      mounts: [{ host: folder, inside, writable: false }, ...(more?.mounts ?? [])],
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
