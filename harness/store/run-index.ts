import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { sha256Hex } from "../hash.js";
import { deleteIndexDatabase, goalKeyOf, type IndexDatabase, type IndexedRun, isDamage, openIndexDatabase } from "./index-database.js";
import { readRunLog } from "./run-log.js";
import { summarizeRun } from "./summarize-run.js";

export const logName = "log.jsonl";

/** The index over the logs of a folder of runs. It heals itself: what differs from the logs is read again from them. */
export interface RunIndex {
  /** Records a run after its newest event. Never throws: the event is already safe in the log. */
  record(events: readonly ForgeEvent[]): void;
  /** All runs, in step with the logs. A run whose log cannot be read is left out; opening it tells why. */
  runs(): IndexedRun[];
  /** Throws the index away and makes it anew; returns how many runs it holds. */
  rebuild(): number;
}

export function openRunIndex(directory: string): RunIndex {
  const path = join(directory, "index.sqlite");
  let database: IndexDatabase | null = null;

  /** Works on the index; one that turns out damaged is made anew, and the work done again on that. */
  function withDatabase<Result>(work: (index: IndexDatabase) => Result): Result {
    try {
      database ??= openIndexDatabase(path);
      return work(database);
    } catch (error) {
      database?.close();
      database = null;
      if (!isDamage(error)) throw error;
      deleteIndexDatabase(path);
      database = openIndexDatabase(path);
      return work(database);
    }
  }

  return {
    record(events) {
      try {
        const run = events[0]?.run;
        const indexed = run === undefined ? null : indexedRun(events, stateOf(join(directory, run, logName)));
        if (indexed) withDatabase((index) => index.put(indexed));
      } catch {
        // Locked or out of space: the state of the log will show that this row is behind.
      }
    },
    runs() {
      try {
        return withDatabase((index) => catchUp(index, directory));
      } catch {
        return runsOnDisk(directory).flatMap((run) => readRun(directory, run) ?? []);
      }
    },
    rebuild() {
      database?.close();
      database = null;
      deleteIndexDatabase(path);
      return withDatabase((index) => catchUp(index, directory)).length;
    },
  };
}

/** Brings the index in step with the logs, reading only logs that are not what the index was made from. */
function catchUp(index: IndexDatabase, directory: string): IndexedRun[] {
  const known = new Map(index.all().map((indexed) => [indexed.summary.run, indexed]));
  const current: IndexedRun[] = [];
  for (const run of runsOnDisk(directory)) {
    const indexed = known.get(run);
    if (indexed && indexed.logState === stateOf(join(directory, run, logName))) {
      current.push(indexed);
      known.delete(run);
      continue;
    }
    const read = readRun(directory, run);
    if (!read) continue;
    index.put(read);
    current.push(read);
    known.delete(run);
  }
  for (const gone of known.keys()) index.remove(gone);
  return current;
}

export function runsOnDisk(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => existsSync(join(directory, name, logName)))
    .sort();
}

function readRun(directory: string, run: string): IndexedRun | null {
  try {
    // Before it is read: what is appended meanwhile shows by the next look.
    const state = stateOf(join(directory, run, logName));
    const { events } = readRunLog(join(directory, run, logName), run);
    return indexedRun(events, state);
  } catch {
    return null;
  }
}

const printedBytes = 512;

/** Length, beginning and end of a log: an append changes the first, another log under the same name one of the others. Empty where it is not there. */
function stateOf(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(2 * printedBytes);
    readSync(file, bytes, 0, printedBytes, 0);
    readSync(file, bytes, printedBytes, printedBytes, Math.max(0, size - printedBytes));
    return `${size} ${sha256Hex(bytes).slice(0, 32)}`;
  } finally {
    closeSync(file);
  }
}

function indexedRun(events: readonly ForgeEvent[], logState: string): IndexedRun | null {
  const summary = summarizeRun(events);
  const started = events[0];
  if (!summary || started?.type !== "run-started") return null;
  return { summary, goalKey: goalKeyOf(started.goal), logState };
}
