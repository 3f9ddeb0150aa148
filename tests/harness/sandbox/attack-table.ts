import type { Protection } from "../../../harness/sandbox/protection.js";
import { type Attack, attack, type Profile } from "./attack.js";

const MEBIBYTE = 1 << 20;
/** A new process takes a fork, which the filter refuses at run time: there it stands before whatever stops it in a build. */
const forking = (...stoppedBy: Protection[]): Record<Profile, Protection[]> => ({
  build: stoppedBy,
  run: ["system-call-filter", ...stoppedBy],
});
const build: Profile[] = ["build"];
const filter: Protection[] = ["system-call-filter"];
const network: Protection[] = ["network-namespace", "system-call-filter"];
const time: Protection[] = ["wall-limit", "cpu-limit"];
const shortTime = { wallMs: 400, cpuSeconds: 1 };
const compiling = { ...shortTime, addressSpaceBytes: null };

const macroBomb = [
  "#define A0 x x x x",
  ...Array.from({ length: 24 }, (_, level) => `#define A${level + 1} A${level} A${level} A${level} A${level}`),
  "A24",
].join("\n");
const templateBomb = `template <int depth, int way> struct Tree { Tree<depth - 1, 2 * way> left; Tree<depth - 1, 2 * way + 1> right; };
template <int way> struct Tree<0, way> {};
Tree<26, 0> tree;`;

/** Attacks on what the machine has. */
const resourceAttacks: Attack[] = [
  attack(1, "as many processes as there can be", "resources processes 80", {
    stoppedBy: forking("process-limit"),
    works: "80 unlimited",
    fails: { build: "31 EAGAIN", run: "0 EPERM" },
  }),
  attack(1, "a fork bomb without end", "behaviour fork-bomb", {
    profiles: build,
    look: "crowd",
    limits: { wallMs: 900, cpuSeconds: 60 },
    stoppedBy: ["process-limit"],
    works: "more than the limit",
    fails: "at most the limit",
  }),
  attack(1, "as many threads as there can be", "resources threads 80", {
    stoppedBy: ["process-limit"],
    works: "80 unlimited",
    fails: "31 EAGAIN",
    limits: { addressSpaceBytes: null },
  }),
  attack(2, "one process takes memory", "resources memory 700", {
    stoppedBy: ["memory-limit"],
    works: "700 unlimited",
    fails: /^(4\d\d|50\d) ENOMEM$/,
  }),
  attack(2, "many processes take memory, each within its limit", "resources memory-of-many 8 64", {
    profiles: build,
    limits: { memoryBytes: 256 * MEBIBYTE },
    stoppedBy: ["total-memory-limit"],
    works: "8 unlimited",
    fails: "out-of-memory",
  }),
  attack(2, "leaves bytes unread in sockets, which count for no process", "resources unread 8", {
    profiles: build,
    stoppedBy: filter,
    works: "8 unlimited",
    fails: "0 EPERM",
  }),
  ...["/tmp", "/dev/shm"].map((folder) =>
    attack(3, `fills ${folder}`, `resources files 30 ${folder}`, {
      ...{ stoppedBy: ["scratch-limit"], works: "30 unlimited", fails: /^[78] ENOSPC$/ },
    }),
  ),
  ...["/", "/dev"].map((folder) =>
    attack(3, `fills ${folder}, which has no size`, `resources files 30 ${folder}`, {
      ...{ stoppedBy: ["read-only-root"], works: "30 unlimited", fails: "0 EROFS" },
    }),
  ),
  attack(4, "files that take no room, without number", "resources inodes 5000 /tmp", {
    stoppedBy: ["file-count-limit"],
    works: "5000 unlimited",
    fails: "too-many-files",
    limits: { scratchFiles: 2000 },
  }),
  attack(5, "a huge file on a mount of the host", "resources one-file 20 /out", {
    stoppedBy: ["file-size-limit"],
    works: "20 unlimited",
    fails: "4 EFBIG",
    limits: { fileBytes: 4 * MEBIBYTE },
  }),
  attack(6, "an endless loop", "behaviour spin", {
    stoppedBy: time,
    works: "still running",
    fails: "timeout",
    limits: shortTime,
    watchedMs: 1000,
  }),
  attack(7, "sleeps for ever", "behaviour sleep", {
    stoppedBy: ["wall-limit"],
    works: "still running",
    fails: "timeout",
    limits: shortTime,
    watchedMs: 800,
  }),
  attack(8, "stops itself", "behaviour stop-itself", {
    stoppedBy: ["wall-limit"],
    works: "still running",
    fails: "timeout",
    limits: shortTime,
    watchedMs: 800,
  }),
  attack(9, "endless output", "behaviour flood", {
    stoppedBy: ["output-limit"],
    works: "swamped",
    fails: "cut off and flagged",
    look: "swamped",
    limits: { wallMs: 300, outputBytes: 1000 },
  }),
  attack(25, "a sparse file of a terabyte", "resources sparse 1 /tmp", { stoppedBy: ["file-size-limit"], fails: "EFBIG" }),
  attack(35, "a macro bomb", "/usr/bin/gcc -x c -c - -o /dev/null", {
    profiles: build,
    source: macroBomb,
    limits: compiling,
    watchedMs: 1200,
    stoppedBy: time,
    works: "still running",
    fails: "timeout",
  }),
  attack(35, "a template bomb", "/usr/bin/g++ -x c++ -c - -o /dev/null", {
    profiles: build,
    source: templateBomb,
    limits: compiling,
    watchedMs: 1200,
    stoppedBy: time,
    works: "still running",
    fails: "timeout",
  }),
];

/** Attacks on files of the host. */
const fileAttacks: Attack[] = [
  attack(12, "writes beside its workspace", "files create $neighbour/planted", { stoppedBy: ["own-root"], fails: "ENOENT" }),
  ...["harness/main.js", "specs/exam.yaml", ".git/config"].map((file) =>
    attack(13, `overwrites ${file} of a project`, `files overwrite $neighbour/${file}`, { stoppedBy: ["own-root"], fails: "ENOENT" }),
  ),
  ...[".git/hooks/post-commit", ".gitconfig", "forge.json"].map((file) =>
    attack(14, `leaves a ${file} that the host would read`, `files create /in/${file}`, {
      ...{ stoppedBy: ["read-only-mounts"], fails: "EROFS" },
    }),
  ),
  attack(15, "reads expected outputs", "files read $neighbour/expected-outputs", { stoppedBy: ["own-root"], fails: "ENOENT" }),
  attack(23, "links a file of the host", "files link $neighbour/expected-outputs $neighbour/link-$try", {
    stoppedBy: ["own-root"],
    fails: "ENOENT",
  }),
  attack(24, "leaves a device as output", "files device /out/result", {
    stoppedBy: ["own-user"],
    works: "a device",
    fails: "nothing: EPERM",
    look: "file-kind",
    needsRoot: true,
  }),
  attack(26, "changes its output afterwards", "files write-late /out/result 150", {
    stoppedBy: forking("pid-namespace"),
    works: "early, then late",
    fails: "early, then early",
    look: "late-output",
  }),
  attack(27, "leaves a set-user-id file", "system-call set-id-chmod /out/result", {
    stoppedBy: filter,
    works: "a set-user-id file",
    fails: "a plain file: EPERM",
    look: "file-kind",
  }),
  attack(34, "takes a secret of the host by #include", "/usr/bin/gcc -x c -c - -o /dev/null", {
    profiles: build,
    source: '#include "$neighbour/secret.h"\n',
    look: "compiled",
    stoppedBy: ["own-root"],
    works: "compiled",
    fails: "no such file",
  }),
  attack(34, "takes a secret of the host by .incbin", "/usr/bin/gcc -x c -c - -o /dev/null", {
    profiles: build,
    source: '__asm__(".incbin \\"$neighbour/secret.h\\"");\n',
    look: "compiled",
    stoppedBy: ["own-root"],
    works: "compiled",
    fails: "no such file",
  }),
];

/** Attacks on other processes, on the network and on the kernel. */
const systemAttacks: Attack[] = [
  attack(17, "talks tcp to the host", "network tcp 127.0.0.1 $tcp", { stoppedBy: network, fails: "EPERM" }),
  attack(17, "talks udp to the host, as a name look-up does", "network udp 127.0.0.1 $udp", { stoppedBy: network, fails: "EPERM" }),
  attack(18, "connects to a mounted socket", "network unix /socket", { stoppedBy: filter, fails: "EPERM" }),
  attack(18, "connects to an abstract socket of the host", "network abstract $abstract", { stoppedBy: network, fails: "EPERM" }),
  attack(19, "kills its parent", "behaviour kill-parent", {
    stoppedBy: ["pid-namespace"],
    works: "guard gone",
    fails: "guard alive",
    look: "guard",
  }),
  attack(20, "leaves a daemon", "behaviour daemon", {
    stoppedBy: forking("pid-namespace"),
    works: "left behind",
    fails: "gone",
    look: "left-over",
  }),
  attack(21, "a background child holds the pipe", "behaviour daemon", {
    stoppedBy: forking("pid-namespace", "prompt-end"),
    works: "still running",
    fails: "left",
    watchedMs: 1000,
  }),
  ...["ptrace", "process-vm-read", "process-vm-write"].map((call) =>
    attack(28, call, `system-call ${call}`, { stoppedBy: filter, fails: "EPERM" }),
  ),
  attack(28, "takes over the first process by its memory", "files read-write /proc/1/mem", {
    stoppedBy: ["hidden-first-process"],
    fails: "ENOENT",
  }),
  attack(29, "finds a secret in another's command line", "behaviour find $cmdline", { stoppedBy: ["pid-namespace"], fails: "ENOENT" }),
  attack(29, "finds a secret in its environment", "behaviour has-variable FORGE_TEST_SECRET", {
    stoppedBy: ["empty-environment"],
    fails: "ENOENT",
  }),
  attack(29, "finds a secret in the first process's environment", "behaviour find $variable", {
    stoppedBy: ["empty-environment", "hidden-first-process"],
    fails: "ENOENT",
  }),
  ...["unshare-user", "clone-user", "nested-mount"].map((call) =>
    attack(31, call, `system-call ${call}`, { stoppedBy: filter, fails: "EPERM" }),
  ),
  ...["keyctl", "add-key", "io-uring"].map((call) => attack(32, call, `system-call ${call}`, { stoppedBy: filter, fails: "EPERM" })),
  attack(32, "bpf", "system-call bpf", { stoppedBy: ["system-call-filter", "own-user"], fails: "EPERM", needsRoot: true }),
  attack(37, "a preloaded library stops the clock", "behaviour clock", { stoppedBy: ["empty-environment"], fails: "time passes" }),
];

/** Every attack of which a program and its sandbox alone decide; the others stand in the tests beside this file. */
export const attacks: Attack[] = [...resourceAttacks, ...fileAttacks, ...systemAttacks].sort((one, other) => one.row - other.row);
