import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { MachineLoad } from "../../specs/contracts/verdict.js";
import { thresholds } from "../thresholds.js";

/** Clock ticks a second in /proc/stat on every Linux that Node supports. */
const ticksPerSecond = 100;

interface Reading {
  atMs: number;
  idleSeconds: number;
  stolenSeconds: number;
  oursSeconds: number;
}

/** What others had of the machine over a window. */
export interface LoadWindow extends MachineLoad {
  seconds: number;
}

/**
 * Says how much of the CPUs others used: what was neither idle, nor stolen, nor ours; and what a hypervisor took. It does not see who they
 * are, and contention for memory bandwidth by other machines on the same host escapes it.
 *
 * The two are apart because their remedies are. Whoever runs something here can be asked to stop. A hypervisor that keeps a tenth of a core
 * keeps it all day. It strikes whoever runs, in an order that is drawn, so that a thing still ties with itself.
 */
export class ForeignLoad {
  private last: Reading;
  /** Of the window so far, before the latest pause. */
  private before = { seconds: 0, foreignSeconds: 0, stolenSeconds: 0 };

  /** `ourCpuSeconds`: CPU seconds of all sandboxes so far; this process's own are added here. */
  constructor(private readonly ourCpuSeconds: () => number) {
    this.last = this.read();
  }

  /** Milliseconds since the window began. */
  windowMs(): number {
    return 1000 * this.before.seconds + performance.now() - this.last.atMs;
  }

  /** What happens until `resume` counts for nothing: processes that begin and end, whose CPU time nobody adds up. */
  pause(): void {
    this.before = this.untilNow();
  }

  resume(): void {
    this.last = this.read();
  }

  /** Closes the window and starts the next. */
  closeWindow(): LoadWindow {
    const { seconds, foreignSeconds, stolenSeconds } = this.untilNow();
    this.before = { seconds: 0, foreignSeconds: 0, stolenSeconds: 0 };
    return { seconds, foreign: Math.max(0, foreignSeconds / seconds), stolen: Math.max(0, stolenSeconds / seconds) };
  }

  private untilNow(): { seconds: number; foreignSeconds: number; stolenSeconds: number } {
    const { before, last } = this;
    const now = this.read();
    this.last = now;
    const seconds = (now.atMs - last.atMs) / 1000;
    const spent = {
      busy: seconds * availableCpus() - (now.idleSeconds - last.idleSeconds),
      stolen: now.stolenSeconds - last.stolenSeconds,
      ours: now.oursSeconds - last.oursSeconds,
    };
    oursHoldsStolen ||= isOursWithStolen(spent);
    return {
      seconds: before.seconds + seconds,
      foreignSeconds: before.foreignSeconds + foreignOf(spent, oursHoldsStolen),
      stolenSeconds: before.stolenSeconds + spent.stolen,
    };
  }

  private read(): Reading {
    const own = process.cpuUsage();
    const fields = /^cpu\s+(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))![1]!.split(/\s+/).map(Number);
    // user nice system idle iowait irq softirq steal ...
    return {
      atMs: performance.now(),
      idleSeconds: (fields[3]! + fields[4]!) / ticksPerSecond,
      stolenSeconds: (fields[7] ?? 0) / ticksPerSecond,
      oursSeconds: (own.user + own.system) / 1e6 + this.ourCpuSeconds(),
    };
  }
}

let cpuCount: number | null = null;
/** CPUs that /proc/stat sums over, which may be more than this process may use. */
function availableCpus(): number {
  cpuCount ??= (readFileSync("/proc/stat", "utf8").match(/^cpu\d+/gm) ?? []).length || availableParallelism();
  return cpuCount;
}

/** CPU seconds of a while: all that was not idle, and what of it was stolen and ours. */
export interface SpentSeconds {
  busy: number;
  stolen: number;
  ours: number;
}

/** Once it was seen: the same kernel counts in the same way all the time. */
let oursHoldsStolen = false;

/**
 * Kernels without paravirtual time accounting let a process's time run on while it is stolen. Then all of ours is more than there was to
 * have; by more than the clocks' ticks, on windows in which enough was stolen to tell.
 */
export const isOursWithStolen = ({ busy, stolen, ours }: SpentSeconds): boolean =>
  stolen > 10 / ticksPerSecond && ours - (busy - stolen) > stolen / 2;

export const foreignOf = ({ busy, stolen, ours }: SpentSeconds, holdsStolen: boolean): number => busy - ours - (holdsStolen ? 0 : stolen);

/** Whether what was measured meanwhile is thrown away; `cores`: kept busy by what is measured, each of which is shared. */
export const isDisturbed = ({ foreign, stolen }: MachineLoad, cores = 1): boolean =>
  foreign > thresholds.foreignCpuShare * cores || stolen > thresholds.stolenCpuShare * cores;

/** Of `isDisturbed`, in words. */
export const disturbance = (cores = 1): string =>
  `others used more than ${100 * thresholds.foreignCpuShare} % of ${cores === 1 ? "a core" : `each of ${cores} cores`}, or a hypervisor took more than ${100 * thresholds.stolenCpuShare} %,`;

/** Of all these windows together, each by its length. */
export function meanLoad(windows: readonly LoadWindow[]): MachineLoad {
  const seconds = windows.reduce((sum, window) => sum + window.seconds, 0);
  const mean = (share: keyof MachineLoad) => windows.reduce((sum, window) => sum + window[share] * window.seconds, 0) / (seconds || 1);
  return { foreign: mean("foreign"), stolen: mean("stolen") };
}
