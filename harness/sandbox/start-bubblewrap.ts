import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { SandboxCommand, SandboxProcess } from "../../specs/contracts/sandbox.js";
import { pinningCommand } from "./allowed-cpus.js";
import { sandboxArguments } from "./bubblewrap-arguments.js";
import type { BubblewrapInstallation } from "./bubblewrap-installation.js";
import { BubblewrapStatus } from "./bubblewrap-status.js";
import { borrowHostUser, type HostUser } from "./host-users.js";
import { closingCommand } from "./inherited-descriptors.js";
import { prepareMounts } from "./mount-staging.js";
import { identify, type ProcessIdentity, signalProcess, waitUntilGone } from "./process-tree.js";
import type { Protection } from "./protection.js";
import { limitCommand, processLimitIsPerSandbox } from "./resource-limits.js";
import { seccompFilter, seccompFilterThatAllowsAll } from "./seccomp.js";
import { type ChildEnd, endOfCode, type Settled, supervise, writeAndClose } from "./supervise.js";

const SETUP_TIMEOUT_MS = 1000;
/** The program sees the descriptors 0 to 2, and 3 where it has a channel. */
const FIRST_OWN_DESCRIPTOR = 3;

/** Starts `command` in a sandbox of its own; `without` is empty but in tests. */
export function startBubblewrap(
  installation: BubblewrapInstallation,
  command: SandboxCommand,
  without: ReadonlySet<Protection>,
): SandboxProcess {
  const user = without.has("own-user") ? null : borrowHostUser();
  try {
    const prepared = prepareMounts(command.mounts, user);
    const status = FIRST_OWN_DESCRIPTOR + (command.channel === true ? 1 : 0);
    const [filter, args, firstForeign] = [status + 1, status + 2, status + 3];
    const filterOptions = { architecture: installation.architecture, profile: command.profile, pinned: command.cpus !== undefined };
    const limitProcesses = user !== null || processLimitIsPerSandbox();
    const argv = [
      ...(without.has("closed-descriptors") ? [] : closingCommand(firstForeign)),
      ...prepared.launcher,
      ...pinningCommand(command.cpus),
      // A build that starts all the processes it may leaves the machine to others; what is timed is left alone.
      ...(command.profile === "build" ? ["/usr/bin/nice", "-n", "10"] : []),
      // When memory runs out the kernel ends this first, not the harness.
      ...["/usr/bin/choom", "--adjust", "1000", "--"],
      // Through a descriptor: its command line can be read inside, and paths of the host are nobody's business there.
      ...[installation.path, "--args", String(args), "--"],
      ...limitCommand(command.limits, limitProcesses),
      ...command.command,
    ];
    const child = spawn(argv[0] as string, argv.slice(1), {
      // Bubblewrap's first process keeps this environment, whatever --clearenv says.
      env: without.has("empty-environment") ? process.env : {},
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
    const filterProgram = without.has("system-call-filter") ? seccompFilterThatAllowsAll() : seccompFilter(filterOptions);
    writeAndClose(child.stdio[filter] as Writable, filterProgram);
    const options = sandboxArguments(command, prepared.mounts, { status, filter }, without);
    writeAndClose(child.stdio[args] as Writable, Buffer.from(options.map((option) => `${option}\0`).join("")));
    return superviseBubblewrap(child, new BubblewrapStatus(child.stdio[status] as Readable), user, command, without.has("prompt-end"));
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
  waitsForWriters: boolean,
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
  const process = supervise({ child, treeRoot, kill: () => void kill(), settle, waitsForWriters }, command);
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
