import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";

const retryMs = 250;

/**
 * Runs `work` while no other Forge process of this machine times anything. The lock is SQLite's on an empty file: the kernel
 * drops it when its holder dies. Waits as long as it takes; the signal ends the waiting.
 */
export async function withDevice<T>(cacheDirectory: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  mkdirSync(cacheDirectory, { recursive: true });
  const database = new Database(join(cacheDirectory, "device.lock"), { timeout: 0 });
  try {
    for (;;) {
      signal.throwIfAborted();
      try {
        // This looks into the file, so it meets the lock as well.
        database.pragma("journal_mode = MEMORY");
        database.exec("BEGIN EXCLUSIVE");
        break;
      } catch (error) {
        if (!(error instanceof Database.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
        await sleep(retryMs, undefined, { signal });
      }
    }
    return await work();
  } finally {
    database.close();
  }
}
