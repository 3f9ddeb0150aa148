import { rmSync } from "node:fs";
import Database from "libsql";
import type { GoalDescription, RunEnd } from "../../specs/contracts/event.js";
import type { Outcome } from "../../specs/contracts/verdict.js";
import type { RunLine } from "./summarize-run.js";

/** A run as the index holds it: its summary, and which state of the log this was made from. */
export interface IndexedRun {
  summary: RunLine;
  goalKey: string;
  logState: string;
}

/** What the logs say, in a form that is quick to list. It is never the truth and can be deleted at any time. */
export interface IndexDatabase {
  put(run: IndexedRun): void;
  remove(run: string): void;
  all(): IndexedRun[];
  close(): void;
}

/** Raise it with every change of the table: an index of another version is thrown away and rebuilt. */
const schemaVersion = 3;

interface Row {
  run: string;
  spec: string;
  variant: string;
  target: string;
  agent: string;
  startedAt: string;
  lastEventAt: string;
  attempts: number;
  bestOutcome: Outcome | null;
  bestRatio: number | null;
  bestLow: number | null;
  bestHigh: number | null;
  end: RunEnd | null;
  goalKey: string;
  logState: string;
}

/** Opens the index; one that is damaged or of another version is replaced by an empty one. */
export function openIndexDatabase(path: string): IndexDatabase {
  try {
    return openChecked(path);
  } catch (error) {
    if (!isDamage(error)) throw error;
    deleteIndexDatabase(path);
    return openChecked(path);
  }
}

export function deleteIndexDatabase(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
}

/** True where the index itself is bad, and not, say, locked or out of space. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedIndex) return true;
  return error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB|ERROR|MISMATCH|IOERR_SHORT_READ)/.test(error.code);
}

class DamagedIndex extends Error {}

function openChecked(path: string): IndexDatabase {
  const database = new Database(path, { timeout: 2000 });
  try {
    database.pragma("journal_mode = WAL");
    // The logs are the truth: losing the index's last rows in a power failure costs nothing.
    database.pragma("synchronous = NORMAL");
    if (pragmaValue(database, "quick_check") !== "ok") throw new DamagedIndex(`${path} is damaged`);
    prepareTable(database, path);
    return indexOver(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** libsql's own `pragma` answers with rows that have more in them. */
function pragmaValue(database: Database.Database, name: string): unknown {
  return (database.prepare(`PRAGMA ${name}`).raw().get() as unknown[])[0];
}

function prepareTable(database: Database.Database, path: string): void {
  const version = pragmaValue(database, "user_version");
  if (version !== 0 && version !== schemaVersion) throw new DamagedIndex(`${path} has version ${String(version)}`);
  database.exec(`CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, spec TEXT NOT NULL, variant TEXT NOT NULL, target TEXT NOT NULL, agent TEXT NOT NULL,
    startedAt TEXT NOT NULL, lastEventAt TEXT NOT NULL, attempts INTEGER NOT NULL,
    bestOutcome TEXT, bestRatio REAL, bestLow REAL, bestHigh REAL, end TEXT, goalKey TEXT NOT NULL, logState TEXT NOT NULL) STRICT`);
  database.pragma(`user_version = ${schemaVersion}`);
}

function indexOver(database: Database.Database): IndexDatabase {
  const put = database.prepare(`INSERT OR REPLACE INTO runs VALUES (@run, @spec, @variant, @target, @agent,
    @startedAt, @lastEventAt, @attempts, @bestOutcome, @bestRatio, @bestLow, @bestHigh, @end, @goalKey, @logState)`);
  const remove = database.prepare("DELETE FROM runs WHERE run = ?");
  const all = database.prepare<[]>("SELECT * FROM runs ORDER BY run");
  return {
    put({ summary: { bestInterval, ...summary }, goalKey, logState }) {
      put.run({ ...summary, bestLow: bestInterval?.low ?? null, bestHigh: bestInterval?.high ?? null, goalKey, logState });
    },
    remove: (run) => void remove.run(run),
    all: () =>
      (all.all() as Row[]).map(({ goalKey, logState, bestLow, bestHigh, ...summary }) => ({
        summary: { ...summary, bestInterval: bestLow === null || bestHigh === null ? null : { low: bestLow, high: bestHigh } },
        goalKey,
        logState,
      })),
    close: () => database.close(),
  };
}

/** Two goals with the same key are the same goal; the budget may differ, since a resumed run may be given more. */
export function goalKeyOf(goal: GoalDescription): string {
  return [goal.spec, goal.specHash, goal.variant, goal.target, goal.agent, goal.threads].join(" ");
}
