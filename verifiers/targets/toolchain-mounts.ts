import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SandboxMount } from "../../specs/contracts/sandbox.js";

/** Of a toolchain's prefix no more than this: it may be somebody's home. */
const parts = ["bin", "lib", "lib32", "lib64", "libexec", "include", "share"];

/** What a build needs of programs that lie outside the system's folders, which every sandbox has; at the same paths as on the host. */
export function toolchainMounts(...programs: string[]): SandboxMount[] {
  const prefixes = new Set(programs.flatMap((program) => [program, realpathSync(program)]).map((program) => dirname(dirname(program))));
  return [...prefixes]
    .filter((prefix) => !/^\/(usr(\/.*)?)?$/.test(prefix))
    .flatMap((prefix) => parts.map((part) => join(prefix, part)))
    .filter((folder) => existsSync(folder))
    .map((folder) => ({ host: folder, inside: folder, writable: false }));
}
