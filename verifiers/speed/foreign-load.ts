import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Clock ticks a second in /proc/stat on every Linux that Node supports. */
const ticksPerSecond = 100;

interface Reading {
  atMs: number;
  idleSeconds: number;
  oursSeconds: number;
}

/**
 * Says how much of the CPUs others used: what was neither idle nor ours. Time stolen by a hypervisor counts as others'.
 * It does not see who they are, and contention for memory bandwidth by other machines on the same host escapes it.
 */
export class ForeignLoad {
  private last: Reading;
  /** Of the window so far, before the latest pause. */
  private before = { seconds: 0, foreignSeconds: 0 };

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

  /** Closes the window and starts the next: share of one core that others used in it. */
  closeWindow(): number {
    const { seconds, foreignSeconds } = this.untilNow();
    this.before = { seconds: 0, foreignSeconds: 0 };
    return Math.max(0, foreignSeconds / seconds);
  }

  private untilNow(): { seconds: number; foreignSeconds: number } {
    const now = this.read();
    const seconds = (now.atMs - this.last.atMs) / 1000;
    const busy = seconds * availableCpus() - (now.idleSeconds - this.last.idleSeconds);
    const foreign = busy - (now.oursSeconds - this.last.oursSeconds);
    this.last = now;
    return { seconds: this.before.seconds + seconds, foreignSeconds: this.before.foreignSeconds + foreign };
  }

  private read(): Reading {
    const own = process.cpuUsage();
    const fields = /^cpu\s+(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))![1]!.split(/\s+/).map(Number);
    // user nice system idle iowait irq softirq steal ...
    return {
      atMs: performance.now(),
      idleSeconds: (fields[3]! + fields[4]!) / ticksPerSecond,
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
