import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesUnder } from "../../../harness/sandbox/process-tree.js";

/** What a test could leave on the host: processes of its own, temporary files, shared memory, mounts, control groups. */
export interface Remnants {
  processes: string[];
  temporaryFiles: string[];
  sharedMemory: string[];
  mounts: string[];
  controlGroups: string[];
}

function foldersUnder(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [join(path, name), ...foldersUnder(join(path, name))]);
}

/** The groups that we are in, and those below them; beside them, and in a root, others come and go. */
function ownControlGroups(): string[] {
  const lines = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n");
  const below = lines.flatMap((line) => {
    const [, controllers = "", path = "/"] = line.split(":");
    return path === "/" ? [] : foldersUnder(join("/sys/fs/cgroup", controllers, path));
  });
  return [...lines, ...below];
}

const commandLine = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // it ended meanwhile
  }
};

export function remnantsNow(): Remnants {
  return {
    processes: processesUnder(process.pid)
      .filter((pid) => pid !== process.pid)
      .map(commandLine)
      .filter((line) => line !== ""),
    temporaryFiles: readdirSync(tmpdir()),
    // Sessions of other tests, which run beside this one, have theirs.
    sharedMemory: readdirSync("/dev/shm").filter((name) => !name.startsWith("forge-arena-") && !name.startsWith("forge-probe-")),
    mounts: readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n"),
    controlGroups: ownControlGroups(),
  };
}

/** The longest time in which a timer that is due every 20 ms did not get its turn. */
export class Heartbeat {
  longestGapMs = 0;
  private last = performance.now();
  private readonly timer = setInterval(() => {
    const now = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, now - this.last);
    this.last = now;
  }, 20);

  restart(): void {
    this.longestGapMs = 0;
    this.last = performance.now();
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
