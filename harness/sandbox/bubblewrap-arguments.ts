import { existsSync, lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { SandboxCommand, SandboxMount } from "../../specs/contracts/sandbox.js";
import type { Protection } from "./protection.js";

/** User and group of every program inside. */
const INSIDE_ID = "65534";

/** The system's programs and libraries, read-only; of /etc only what the dynamic linker and compilers need. */
function systemArguments(): string[] {
  const system = ["--ro-bind", "/usr", "/usr"];
  for (const path of ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]) {
    if (!existsSync(path)) continue;
    system.push(...(lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path]));
  }
  for (const path of ["/etc/alternatives", "/etc/ld.so.cache"]) system.push("--ro-bind-try", path, path);
  return system;
}
const systemMounts = systemArguments();

function mountArguments({ host, inside, writable }: SandboxMount): string[] {
  return [writable ? "--bind" : "--ro-bind", host, inside];
}

/** Empty but for what is asked for; compiler drivers find their assembler and linker on PATH alone. */
export function environmentOf(command: SandboxCommand): Record<string, string> {
  return { ...(command.profile === "build" ? { PATH: "/usr/bin:/bin" } : {}), ...command.environment };
}

function environmentArguments(environment: Record<string, string>): string[] {
  return ["--clearenv", ...Object.entries(environment).flatMap(([name, value]) => ["--setenv", name, value])];
}

/** Folders of the host that no sandbox sees, for one that is to lack its own root. */
function hostArguments(): string[] {
  const own = new Set(["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "proc", "dev"]);
  const shared = readdirSync("/", { withFileTypes: true }).filter((entry) => entry.isDirectory() && !own.has(entry.name));
  return shared.flatMap(({ name }) => ["--bind", `/${name}`, `/${name}`]);
}

/** Everything that bubblewrap is told, but for the program itself. `without` is empty but in tests. */
export function sandboxArguments(
  command: SandboxCommand,
  mounts: readonly SandboxMount[],
  descriptors: { status: number; filter: number },
  without: ReadonlySet<Protection>,
): string[] {
  const size = String(command.limits.scratchBytes);
  const unless = (protection: Protection, options: string[], instead: string[] = []): string[] =>
    without.has(protection) ? instead : options;
  return [
    ...["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "forge", "--die-with-parent"],
    ...unless("own-user", ["--unshare-user", "--uid", INSIDE_ID, "--gid", INSIDE_ID, "--cap-drop", "ALL"], ["--cap-add", "ALL"]),
    ...unless("pid-namespace", ["--unshare-pid"]),
    ...unless("network-namespace", ["--unshare-net"]),
    ...unless("new-session", ["--new-session"]),
    ...systemMounts,
    ...unless("pid-namespace", ["--proc", "/proc"], ["--bind", "/proc", "/proc"]),
    ...["--dev", "/dev"],
    // The first process is bubblewrap itself, without our limits: through its memory a program could take it over.
    ...unless(without.has("pid-namespace") ? "pid-namespace" : "hidden-first-process", [
      ...["--size", "4096", "--tmpfs", "/proc/1", "--remount-ro", "/proc/1"],
    ]),
    ...["--size", size, "--tmpfs", "/dev/shm", "--size", size, "--tmpfs", "/tmp"],
    ...unless("own-root", [], hostArguments()),
    ...mounts.flatMap(mountArguments),
    // Last: mount points cannot be made afterwards.
    ...unless("read-only-root", ["--remount-ro", "/dev", "--remount-ro", "/"]),
    ...["--chdir", "/tmp"],
    ...unless("empty-environment", environmentArguments(environmentOf(command))),
    ...["--seccomp", String(descriptors.filter), "--json-status-fd", String(descriptors.status)],
  ];
}
