import { assemble, type Instruction, jumpIfAbove, jumpIfAnyBit, jumpIfEqual, label, loadWord, result } from "./filter-assembler.js";
import { lastKnownSystemCall, type SystemCall, systemCalls } from "./system-calls.js";

export type FilterArchitecture = "x64" | "arm64";

// From linux/seccomp.h, linux/audit.h, linux/sched.h, asm/ioctls.h, linux/fcntl.h, linux/stat.h and linux/socket.h.
const KILL_PROCESS = 0x8000_0000;
const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;
const EPERM = 1;
const ENOSYS = 38;
const AUDIT_ARCH = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;
const X32_BIT = 0x4000_0000;
const CLONE_THREAD = 0x0001_0000;
const CLONE_NEW_NAMESPACES = 0x7e02_0000;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const PERSONALITY_QUERY = 0xffff_ffff;
const CREATES_FILE = 0x40 | 0x40_0000; // O_CREAT, __O_TMPFILE
const SET_ID_BITS = 0o6000;
const MSG_OOB = 1;

const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
/** Low half of an argument: the kernel reads only 32 bits of every argument checked here. */
const argumentOffset = (index: number): number => 16 + 8 * index;

/** Never needed by a compiler or a kernel; each is a way out, a way to look at others, or an attack surface. */
const refused: readonly SystemCall[] = [
  ...(["unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig"] as const),
  ...(["fsmount", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at", "fanotify_init"] as const),
  ...(["socket", "connect", "bind", "listen", "accept", "accept4"] as const),
  ...(["ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd"] as const),
  ...(["io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd", "perf_event_open"] as const),
  ...(["keyctl", "add_key", "request_key"] as const),
  ...(["kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "query_module"] as const),
  ...(["get_kernel_syms", "reboot", "swapon", "swapoff", "syslog", "acct", "quotactl", "quotactl_fd", "vhangup"] as const),
  ...(["settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"] as const),
  ...(["setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset"] as const),
  ...(["iopl", "ioperm", "modify_ldt", "nfsservctl", "lookup_dcookie", "uselib", "ustat", "sysfs", "_sysctl"] as const),
  ...(["migrate_pages", "move_pages"] as const),
  // Memory that no limit of the process counts, and programs that no file holds.
  ...(["memfd_create", "memfd_secret", "execveat", "shmget", "msgget", "semget", "mq_open"] as const),
];

export interface FilterOptions {
  architecture: FilterArchitecture;
  /** `run` refuses new processes, `build` sockets of any kind; threads are allowed in both. */
  profile: "build" | "run";
  /** Refuses sched_setaffinity, so that the CPUs given from outside stay. */
  pinned: boolean;
}

/**
 * The bytes of a seccomp filter (struct sock_filter[]) for `bwrap --seccomp FD`.
 * Does not cover: execve (bubblewrap starts the program after the filter is in force, and a filter cannot count).
 */
export function seccompFilter(options: FilterOptions): Buffer {
  const numberOf = (name: SystemCall): number | null => systemCalls[name][options.architecture === "x64" ? 0 : 1];

  /** Refuses `name` where `test` jumps to "refuse"; the number is loaded again for what follows. */
  const refuseWhen = (name: SystemCall, test: Instruction[]): Instruction[] => {
    const number = numberOf(name);
    if (number === null) return [];
    const next = `after ${name}`;
    return [jumpIfEqual(number, null, next), ...test, loadWord(NUMBER_OFFSET), label(next)];
  };
  const answer = (names: readonly SystemCall[], target: string): Instruction[] =>
    names.flatMap((name) => {
      const number = numberOf(name);
      return number === null ? [] : [jumpIfEqual(number, target, null)];
    });

  const cloneTest: Instruction[] = [
    loadWord(argumentOffset(0)),
    jumpIfAnyBit(CLONE_NEW_NAMESPACES, "refuse", null),
    ...(options.profile === "run" ? [jumpIfAnyBit(CLONE_THREAD, null, "refuse")] : []),
  ];
  const setIdTest = (argument: number): Instruction[] => [loadWord(argumentOffset(argument)), jumpIfAnyBit(SET_ID_BITS, "refuse", null)];
  const createTest = (name: SystemCall, flags: number): Instruction[] => [
    loadWord(argumentOffset(flags)),
    jumpIfAnyBit(CREATES_FILE, null, `harmless ${name}`),
    ...setIdTest(flags + 1),
    label(`harmless ${name}`),
  ];
  // Out-of-band data on unix sockets has been a way into the kernel from sandboxes.
  const urgentTest = (argument: number): Instruction[] => [loadWord(argumentOffset(argument)), jumpIfAnyBit(MSG_OOB, "refuse", null)];

  return assemble([
    loadWord(ARCHITECTURE_OFFSET),
    jumpIfEqual(AUDIT_ARCH[options.architecture], null, "kill"),
    loadWord(NUMBER_OFFSET),
    ...(options.architecture === "x64" ? [jumpIfAnyBit(X32_BIT, "kill", null)] : []),
    jumpIfAbove(lastKnownSystemCall, "unknown", null),
    // clone3 hides its flags in memory, openat2 its mode: glibc falls back to what can be checked.
    ...answer(["clone3", "openat2"], "unknown"),
    ...answer(refused, "refuse"),
    // What lies unread in sockets is memory of no process: many processes would hold gigabytes. Compilers need pipes only.
    ...answer(options.profile === "run" ? ["fork", "vfork"] : ["socketpair"], "refuse"),
    ...(options.pinned ? answer(["sched_setaffinity"], "refuse") : []),
    ...refuseWhen("clone", cloneTest),
    ...refuseWhen("ioctl", [loadWord(argumentOffset(1)), jumpIfEqual(TIOCSTI, "refuse", null), jumpIfEqual(TIOCLINUX, "refuse", null)]),
    ...refuseWhen("personality", [loadWord(argumentOffset(0)), jumpIfEqual(PERSONALITY_QUERY, null, "refuse")]),
    ...refuseWhen("chmod", setIdTest(1)),
    ...refuseWhen("fchmod", setIdTest(1)),
    ...refuseWhen("fchmodat", setIdTest(2)),
    ...refuseWhen("creat", setIdTest(1)),
    ...refuseWhen("mknod", setIdTest(1)),
    ...refuseWhen("mknodat", setIdTest(2)),
    ...refuseWhen("open", createTest("open", 1)),
    ...refuseWhen("openat", createTest("openat", 2)),
    ...refuseWhen("sendto", urgentTest(3)),
    ...refuseWhen("sendmsg", urgentTest(2)),
    ...refuseWhen("sendmmsg", urgentTest(3)),
    ...refuseWhen("recvfrom", urgentTest(3)),
    ...refuseWhen("recvmsg", urgentTest(2)),
    ...refuseWhen("recvmmsg", urgentTest(3)),
    result(ALLOW),
    label("refuse"),
    result(ERRNO | EPERM),
    label("unknown"),
    result(ERRNO | ENOSYS),
    label("kill"),
    result(KILL_PROCESS),
  ]);
}

/** For a sandbox that lacks its filter, in tests. */
export function seccompFilterThatAllowsAll(): Buffer {
  return assemble([result(ALLOW)]);
}

/** The architecture of this process as the filter names it; null where Forge has no filter for it. */
export function filterArchitecture(): FilterArchitecture | null {
  return process.arch === "x64" || process.arch === "arm64" ? process.arch : null;
}
