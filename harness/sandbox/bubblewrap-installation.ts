import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { SandboxUnavailable } from "../../specs/contracts/sandbox.js";
import { borrowHostUser, type HostUser } from "./host-users.js";
import { processLimitIsPerSandbox } from "./resource-limits.js";
import { type FilterArchitecture, filterArchitecture } from "./seccomp.js";

/** A bubblewrap that was seen to work here. */
export interface BubblewrapInstallation {
  path: string;
  version: string;
  architecture: FilterArchitecture;
  protections: string[];
}

const INSTALL = "Install it with: sudo apt-get install bubblewrap";
const NAMESPACES_HELP =
  "Unprivileged user namespaces seem to be refused. On Ubuntu 24.04 and later: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; " +
  "elsewhere: sudo sysctl -w user.max_user_namespaces=15000 (and kernel.unprivileged_userns_clone=1 where it exists); " +
  "in a container, start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined.";
/** The least that a sandbox does: every namespace, /proc and /dev of its own. */
const TRIAL = ["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--ro-bind", "/usr", "/usr"];
const TRIAL_MOUNTS = ["--ro-bind-try", "/lib", "/lib", "--ro-bind-try", "/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"];

function ask(path: string, options: string[], user: HostUser | null): { ok: boolean; text: string } {
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  const answer = spawnSync(path, options, { env: {}, cwd: "/", encoding: "utf8", timeout: 10_000, ...identity });
  return { ok: answer.status === 0, text: `${answer.stdout ?? ""}${answer.stderr ?? ""}${answer.error?.message ?? ""}`.trim() };
}

/** The system's own first: what stands earlier on PATH need not be readable by the sandbox's user. */
function defaultFolders(): string[] {
  return ["/usr/bin", "/usr/local/bin", ...(process.env.PATH ?? "").split(":").filter((folder) => folder.startsWith("/"))];
}

/** Finds bubblewrap and tries it once (about 10 ms). Throws SandboxUnavailable that says what to install or to set. */
export function findBubblewrap(searchFolders: readonly string[] = defaultFolders()): BubblewrapInstallation {
  const architecture = filterArchitecture();
  if (process.platform !== "linux" || architecture === null) {
    throw new SandboxUnavailable(`The sandbox needs Linux on x86-64 or aarch64; this is ${process.platform} on ${process.arch}.`);
  }
  const path = searchFolders.map((folder) => `${folder}/bwrap`).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new SandboxUnavailable(`bubblewrap (bwrap) is not installed. ${INSTALL}`);
  for (const tool of ["/usr/bin/prlimit", "/usr/bin/taskset", "/usr/bin/choom"]) {
    if (!existsSync(tool)) throw new SandboxUnavailable(`${tool} is not installed. Install it with: sudo apt-get install util-linux`);
  }
  const user = borrowHostUser();
  try {
    const version = ask(path, ["--version"], user).text.replace(/^bubblewrap\s+/, "");
    const help = ask(path, ["--help"], user).text;
    if (!help.includes("--size")) throw new SandboxUnavailable(`bubblewrap ${version} is too old: 0.7 or later is needed. ${INSTALL}`);
    const trial = ask(path, [...TRIAL, ...TRIAL_MOUNTS, "--", "/usr/bin/true"], user);
    if (!trial.ok) throw new SandboxUnavailable(`bubblewrap ${version} does not work here (${trial.text}). ${NAMESPACES_HELP}`);
    const namespaces = ["user-namespace", "pid-namespace", "mount-namespace", "ipc-namespace", "uts-namespace", "network"];
    const limits = ["rlimits", "memory-watch", ...(user !== null || processLimitIsPerSandbox() ? ["process-limit"] : [])];
    return {
      path,
      version,
      architecture,
      protections: [...namespaces, "seccomp", "no-new-privileges", ...limits, "empty-environment", ...(user === null ? [] : ["own-uid"])],
    };
  } finally {
    user?.release();
  }
}
