import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Sandbox, SandboxCommand, SandboxProcess } from "../../specs/contracts/sandbox.js";
import { sandboxArguments } from "./bubblewrap-arguments.js";
import { type BubblewrapInstallation, findBubblewrap } from "./bubblewrap-installation.js";
import { BubblewrapStatus } from "./bubblewrap-status.js";
import { borrowHostUser, type HostUser } from "./host-users.js";
import { closingCommand } from "./inherited-descriptors.js";
import { prepareMounts } from "./mount-staging.js";
import { identify, type ProcessIdentity, signalProcess, waitUntilGone } from "./process-tree.js";
import { limitCommand, processLimitIsPerSandbox } from "./resource-limits.js";
import { type FilterArchitecture, seccompFilter } from "./seccomp.js";
import { type ChildEnd, endOfCode, type Settled, supervise, writeAndClose } from "./supervise.js";

const SETUP_TIMEOUT_MS = 1000;
/** The program sees the descriptors 0 to 2, and 3 where it has a channel. */
const FIRST_OWN_DESCRIPTOR = 3;

function startBubblewrap(installation: BubblewrapInstallation, architecture: FilterArchitecture, command: SandboxCommand): SandboxProcess {
  const user = borrowHostUser();
  try {
    const prepared = prepareMounts(command.mounts, user);
    const status = FIRST_OWN_DESCRIPTOR + (command.channel === true ? 1 : 0);
    const [filter, args, firstForeign] = [status + 1, status + 2, status + 3];
    const pinned = command.cpus !== undefined;
    const limitProcesses = user !== null || processLimitIsPerSandbox();
    const argv = [
      ...closingCommand(firstForeign),
      ...prepared.launcher,
      ...(command.cpus !== undefined ? ["/usr/bin/taskset", "--cpu-list", command.cpus.join(",")] : []),
      // When memory runs out the kernel ends this first, not the harness.
      ...["/usr/bin/choom", "--adjust", "1000", "--"],
      // Through a descriptor: its command line can be read inside, and paths of the host are nobody's business there.
      ...[installation.path, "--args", String(args), "--"],
      ...limitCommand(command.limits, limitProcesses),
      ...command.command,
    ];
    const child = spawn(argv[0] as string, argv.slice(1), {
      // Bubblewrap's first process keeps this environment, whatever --clearenv says.
      env: {},
      cwd: "/",
      // The launcher changes to the user by itself, once it has made the mounts reachable.
      ...(user === null || prepared.launcher.length > 0 ? {} : { uid: user.uid, gid: user.gid }),
      stdio: [
        command.stdin === undefined ? "ignore" : "pipe",
        ...["pipe" as const, "pipe" as const],
        ...(command.channel === true ? ["pipe" as const] : []),
        ...["pipe" as const, "pipe" as const, "pipe" as const],
      ],
    });
    writeAndClose(child.stdio[filter] as Writable, seccompFilter({ architecture, profile: command.profile, pinned }));
    const options = sandboxArguments(command, prepared.mounts, { status, filter });
    writeAndClose(child.stdio[args] as Writable, Buffer.from(options.map((option) => `${option}\0`).join("")));
    return superviseBubblewrap(child, new BubblewrapStatus(child.stdio[status] as Readable), user, command);
  } catch (error) {
    user?.release();
    throw error;
  }
}

function superviseBubblewrap(
  child: ReturnType<typeof spawn>,
  status: BubblewrapStatus,
  user: HostUser | null,
  command: SandboxCommand,
): SandboxProcess {
  let first: ProcessIdentity | null = null;
  const treeRoot = status.childPid.then((pid) => {
    if (pid !== null) first = identify(pid);
    return pid;
  });
  const kill = async (): Promise<void> => {
    // Without its first process the whole pid namespace dies; bubblewrap outside is the fallback if there is none in time.
    const fallback = setTimeout(() => child.kill("SIGKILL"), SETUP_TIMEOUT_MS);
    const pid = await treeRoot;
    if (pid === null) child.kill("SIGKILL");
    else if (first !== null) signalProcess(pid, "SIGKILL");
    await status.ended;
    clearTimeout(fallback);
  };
  const settle = async (end: ChildEnd, stopped: boolean): Promise<Settled> => {
    await status.ended;
    await treeRoot;
    // Bubblewrap returns with the program, its first process is killed a moment later: background processes die with it.
    if (first !== null) await waitUntilGone(first);
    if (status.exitCode !== null) return endOfCode(status.exitCode);
    if (stopped) return { kind: "killed" };
    return { kind: "unavailable", reason: `bubblewrap ended (${end.signal ?? `exit code ${end.code}`}) before the program did` };
  };
  const process = supervise({ child, treeRoot, kill: () => void kill(), settle }, command);
  const done = process.done.then(
    (output) => {
      user?.release();
      return output;
    },
    (error: unknown) => {
      user?.release();
      throw error;
    },
  );
  done.catch(() => {});
  return { ...process, done };
}

/**
 * Generated code in namespaces of its own, under a seccomp filter and resource limits. Throws SandboxUnavailable.
 * Does not cover: memory of all processes together (each has the limit), the number of files on a tmpfs (the kernel's default),
 * flaws of the kernel in what the filter lets through.
 */
export function createBubblewrapSandbox(): Sandbox {
  const installation = findBubblewrap();
  const start = (command: SandboxCommand): SandboxProcess => startBubblewrap(installation, installation.architecture, command);
  return {
    protection: () => ({ kind: "bubblewrap", version: installation.version, protections: installation.protections }),
    start,
    run: async (command) => start(command).done,
  };
}
