import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "libsql";
import { StoreError } from "../../specs/contracts/store.js";

export interface RunLock {
  release(): void;
}

interface Holder {
  pid: number;
  /** Clock ticks since boot at which the process started: with the pid it names one process. */
  startTicks: string;
  since: string;
}

/**
 * One process per run. The lock itself is SQLite's on an empty file, which the kernel drops when its holder dies, however it
 * dies: no stale lock, no race in taking one over. `lock.json` beside it only tells who holds it.
 */
export function lockRun(directory: string, run: string): RunLock {
  const holderPath = join(directory, "lock.json");
  const release = lockFile(join(directory, "lock"), (cause) => {
    return new StoreError(`run ${run} is in use by ${describeHolder(holderPath)}; wait for it, or stop it first`, { cause });
  });
  const holder: Holder = { pid: process.pid, startTicks: startTicksOf(process.pid) ?? "", since: new Date().toISOString() };
  try {
    writeFileSync(holderPath, `${JSON.stringify(holder)}\n`);
  } catch {
    // Only the message of a second process would be poorer for it; a full disk shows at the first event.
  }
  return { release };
}

function lockFile(path: string, inUse: (cause: unknown) => StoreError): () => void {
  let database: Database.Database | null = null;
  try {
    const opened = new Database(path, { timeout: 0 });
    database = opened;
    // Without this SQLite would make a journal file, although nothing is ever written.
    opened.pragma("journal_mode = MEMORY");
    opened.exec("BEGIN EXCLUSIVE");
    return () => {
      // A connection of libsql's lives on until its statements are collected, and would hold the lock until then.
      opened.exec("ROLLBACK");
      opened.close();
    };
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw inUse(error);
    throw new StoreError(`${path} cannot be locked: ${String(error)}. The folder must be writable; the file is empty and may be deleted`, {
      cause: error,
    });
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
}

function describeHolder(path: string): string {
  try {
    const { pid, startTicks, since } = JSON.parse(readFileSync(path, "utf8")) as Holder;
    // A pid that was given to another process since is not the holder.
    if (startTicksOf(pid) === startTicks) return `process ${pid} since ${since}`;
  } catch {
    // Not written yet.
  }
  return "another process";
}

/** Field 22 of /proc/PID/stat; null where there is no such process. */
function startTicksOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
