import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";

const retryMs = 250;
/** So long a wait is worth a word. */
const patienceMs = 3_000;

/**
 * Runs `work` while no other Forge process with this cache times anything. The lock is SQLite's on an empty file: the kernel
 * drops it when its holder dies. Waits as long as it takes; the signal ends the waiting.
 */
export async function withDevice<T>(cacheDirectory: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  mkdirSync(cacheDirectory, { recursive: true });
  const database = new Database(join(cacheDirectory, "device.lock"), { timeout: 0 });
  try {
    for (let waitedMs = 0; ; waitedMs += retryMs) {
      signal.throwIfAborted();
      try {
        // This looks into the file, so it meets the lock as well.
        database.pragma("journal_mode = MEMORY");
        database.exec("BEGIN EXCLUSIVE");
        break;
      } catch (error) {
        if (!(error instanceof Database.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
        if (waitedMs === patienceMs)
          process.stderr.write("another Forge process is timing on this machine; waiting for it (Ctrl-C ends this)\n");
        await sleep(retryMs, undefined, { signal });
      }
    }
    return await work();
  } finally {
    database.close();
  }
}
