import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** What /proc/PID/stat says of one process; clock ticks are 1/100 s on every Linux that Node runs on. */
interface ProcessState {
  state: string;
  startTicks: number;
  /** Own time (all threads, ended ones too) and that of children already waited for. */
  ticks: number;
}

const TICKS_PER_SECOND = 100;
const FREEZE_TIMEOUT_MS = 5000;

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // the process ended meanwhile
  }
}

function parseStat(text: string): ProcessState {
  // The name may hold spaces and parentheses: fields are counted from the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { state: fields[0] ?? "X", startTicks: Number(fields[19]), ticks };
}

function stateOf(pid: number): ProcessState | null {
  const text = readOrNull(`/proc/${pid}/stat`);
  return text === null ? null : parseStat(text);
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Identifies a process beyond the reuse of its pid. */
export interface ProcessIdentity {
  pid: number;
  startTicks: number;
}

/** Null where the process is gone already. */
export function identify(pid: number): ProcessIdentity | null {
  const state = stateOf(pid);
  return state === null ? null : { pid, startTicks: state.startTicks };
}

function isAlive(identity: ProcessIdentity): boolean {
  const state = stateOf(identity.pid);
  return state !== null && state.startTicks === identity.startTicks && state.state !== "Z" && state.state !== "X";
}

/** Resolves once the process is dead; the first process of a pid namespace dies after all others in it. */
export async function waitUntilGone(identity: ProcessIdentity): Promise<void> {
  while (isAlive(identity)) await sleep(1);
}

/** `root` and all its living descendants; orphans of a pid namespace count, as its first process adopts them. */
export function processesUnder(root: number): number[] {
  const found: number[] = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    found.push(pid);
    for (const thread of threadsOf(pid)) {
      const children = readOrNull(`/proc/${pid}/task/${thread}/children`);
      for (const child of children?.split(" ") ?? []) if (child !== "") waiting.push(Number(child));
    }
  }
  return found;
}

function kibibytesIn(path: string, field: string): number {
  const found = new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(readOrNull(path) ?? "")?.[1];
  return found === undefined ? 0 : Number(found);
}

/** Resident bytes of all processes under `root`; pages that several share count for each. */
export function memoryUnder(root: number): number {
  return processesUnder(root).reduce((sum, pid) => sum + 1024 * kibibytesIn(`/proc/${pid}/status`, "VmRSS"), 0);
}

/** The same with shared pages counted once. It walks page tables: milliseconds a gigabyte. */
export function proportionalMemoryUnder(root: number): number {
  return processesUnder(root).reduce((sum, pid) => {
    const own = kibibytesIn(`/proc/${pid}/smaps_rollup`, "Pss");
    // Not every kernel has it, nor every process lets itself be looked at: then what it seems to use counts.
    return sum + 1024 * (own > 0 ? own : kibibytesIn(`/proc/${pid}/status`, "VmRSS"));
  }, 0);
}

/** Most bytes that the largest process under `root` has had resident, as the kernel keeps it (VmHWM). */
export function peakMemoryUnder(root: number): number {
  return processesUnder(root).reduce((most, pid) => Math.max(most, 1024 * kibibytesIn(`/proc/${pid}/status`, "VmHWM")), 0);
}

/** CPU seconds used under `root` so far, by processes that ended and were waited for too. */
export function cpuSecondsUnder(root: number): number {
  return processesUnder(root).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
}

/** The kernel books ended threads in ticks, rounded down, and living ones in nanoseconds: neither says too much, the larger says more. */
function cpuSecondsOf(pid: number): number {
  const ticks = stateOf(pid)?.ticks ?? 0;
  const nanoseconds = threadsOf(pid).reduce((sum, thread) => {
    const text = readOrNull(`/proc/${pid}/task/${thread}/schedstat`); // absent in kernels without CONFIG_SCHED_INFO
    return sum + (text === null ? 0 : Number(text.split(" ")[0]));
  }, 0);
  return Math.max(ticks / TICKS_PER_SECOND, nanoseconds / 1e9);
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself: nothing left to signal.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isStopped(pid: number): boolean {
  return threadsOf(pid).every((thread) => {
    const text = readOrNull(`/proc/${pid}/task/${thread}/stat`);
    return text === null || "TtZX".includes(parseStat(text).state);
  });
}

/** Stops every process under `root`; returns once no thread of them runs any more. */
export async function freezeUnder(root: number): Promise<void> {
  const giveUpAt = Date.now() + FREEZE_TIMEOUT_MS;
  const signalled = new Set<number>();
  for (;;) {
    const processes = processesUnder(root);
    const fresh = processes.filter((pid) => !signalled.has(pid));
    for (const pid of fresh) {
      signalled.add(pid);
      signalProcess(pid, "SIGSTOP");
    }
    // Whoever was not stopped yet may have started another: look again until a look finds nobody new and everybody still.
    if (fresh.length === 0 && processes.every(isStopped)) return;
    if (Date.now() > giveUpAt) throw new Error(`Could not freeze the processes under ${root} within ${FREEZE_TIMEOUT_MS} ms.`);
    await sleep(fresh.length === 0 ? 1 : 0);
  }
}

export function thawUnder(root: number): void {
  for (const pid of processesUnder(root)) signalProcess(pid, "SIGCONT");
}

/** Kills every process under `root`, children first found last killed; repeated until none is left to be found. */
export function killUnder(root: number): void {
  for (const pid of processesUnder(root)) signalProcess(pid, "SIGKILL");
}
