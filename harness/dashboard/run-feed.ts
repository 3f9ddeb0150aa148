import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { StoreError } from "../../specs/contracts/store.js";
import { logName, runsOnDisk } from "../store/run-index.js";
import { readRunLog } from "../store/run-log.js";
import { openRunStore } from "../store/run-store.js";
import { acceptedFolders, modifiedAtMs, readRecords, shippedRuns } from "../store/shipped-records.js";
import { summarizeRun } from "../store/summarize-run.js";
import type { CodePlaces } from "./attempt-files.js";
import { lastGatePath } from "./gate-marks.js";
import type { RunRow } from "./page-data.js";

/** All runs that are known here: those of the store and those whose record was shipped; kept in step with the logs. */
export interface RunFeed {
  rows(): readonly RunRow[];
  row(run: string): RunRow;
  events(run: string): readonly ForgeEvent[];
  places(run: string): CodePlaces;
  unreadable(): string[];
  /** Told after each look at the disk that found something new; returns how to stop. */
  watch(listener: (change: FeedChange) => void): () => void;
  /** Looks at the disk now; a timer does so as well. */
  look(): void;
  close(): void;
}

export interface FeedChange {
  rows: RunRow[];
  gone: string[];
  /** Something in the folder of accepted kernels, or what the last gate said of it, is another. */
  accepted: boolean;
}

const lookEveryMs = 400;
/** Runs that moved so lately are looked at each time. */
const freshMs = 5 * 60_000;
/** Of the others so many: every run has its turn within some seconds. */
const othersALook = 400;

export function openRunFeed(directories: { runs: string; generated: string }): RunFeed {
  const rows = new Map<string, RunRow>();
  const marks = new Map<string, string>();
  const lastMovedMs = new Map<string, number>();
  const broken = new Set<string>();
  const listeners = new Set<(change: FeedChange) => void>();
  let folderMark = "";
  let generatedMark = "";
  let turn = 0;

  const logOf = (run: string) => join(directories.runs, run, logName);
  const markOf = (run: string) => {
    const state = statSync(logOf(run), { throwIfNoEntry: false });
    return state ? `${state.size} ${state.mtimeMs}` : "";
  };
  const folderState = () => String(modifiedAtMs(directories.runs));
  const generatedState = () =>
    [
      ...acceptedFolders(directories.generated).map(({ name, path }) => `${name} ${modifiedAtMs(join(path, "certificate.json"))}`),
      `gate ${modifiedAtMs(lastGatePath(directories.runs))}`,
    ].join("\n");

  function readStored(run: string): RunRow | null {
    try {
      const line = summarizeRun(readRunLog(logOf(run), run).events);
      broken.delete(run);
      return line && { ...line, place: { kind: "store" } };
    } catch {
      broken.add(run);
      return null;
    }
  }

  function loadRecords(): RunRow[] {
    // The store has the whole run, a record only its way to what was accepted.
    return shippedRuns(directories.generated)
      .filter(({ line }) => rows.get(line.run)?.place.kind !== "store")
      .map(({ line, folder }) => ({ ...line, place: { kind: "record", folder } }));
  }

  function loadAll(): void {
    folderMark = folderState();
    generatedMark = generatedState();
    if (existsSync(directories.runs)) {
      // Before the store reads: what is appended meanwhile shows by the next look.
      for (const run of runsOnDisk(directories.runs)) marks.set(run, markOf(run));
      for (const line of openRunStore(directories.runs).list()) rows.set(line.run, { ...line, place: { kind: "store" } });
      for (const run of marks.keys()) if (!rows.has(run)) readStored(run);
    }
    for (const row of loadRecords()) rows.set(row.run, row);
  }

  function lookAt(run: string, change: FeedChange): void {
    const mark = markOf(run);
    if (mark === marks.get(run)) return;
    lastMovedMs.set(run, Date.now());
    if (mark === "") {
      marks.delete(run);
      broken.delete(run);
      if (rows.delete(run)) change.gone.push(run);
      return;
    }
    marks.set(run, mark);
    const row = readStored(run);
    if (row === null) return;
    rows.set(run, row);
    change.rows.push(row);
  }

  function runsToLookAt(): string[] {
    const known = [...marks.keys()];
    const now = Date.now();
    const fresh = known.filter((run) => now - Math.max(lastMovedMs.get(run) ?? 0, Date.parse(rows.get(run)?.lastEventAt ?? "")) < freshMs);
    const start = (turn * othersALook) % Math.max(1, known.length);
    turn = start + othersALook >= known.length ? 0 : turn + 1;
    return [...new Set([...fresh, ...known.slice(start, start + othersALook)])];
  }

  function look(): void {
    const change: FeedChange = { rows: [], gone: [], accepted: false };
    if (folderState() !== folderMark) {
      folderMark = folderState();
      const present = existsSync(directories.runs) ? runsOnDisk(directories.runs) : [];
      for (const run of present) if (!marks.has(run)) lookAt(run, change);
    }
    for (const run of runsToLookAt()) lookAt(run, change);
    if (generatedState() !== generatedMark || change.gone.length > 0) {
      generatedMark = generatedState();
      change.accepted = true;
      const records = loadRecords();
      const isShipped = new Set(records.map(({ run }) => run));
      for (const { run, place } of [...rows.values()])
        if (place.kind === "record" && !isShipped.has(run) && rows.delete(run)) change.gone.push(run);
      for (const row of records) {
        rows.set(row.run, row);
        change.rows.push(row);
      }
    }
    if (change.rows.length === 0 && change.gone.length === 0 && !change.accepted) return;
    for (const listener of listeners) listener(change);
  }

  function knownRow(run: string): RunRow {
    const row = rows.get(run);
    if (row) return row;
    throw new StoreError(`there is no run ${JSON.stringify(run)} in ${directories.runs} or among the records in ${directories.generated}`);
  }

  loadAll();
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return {
    rows: () => [...rows.values()],
    row: knownRow,
    events(run) {
      const { place } = knownRow(run);
      if (place.kind === "store") return readRunLog(logOf(run), run).events;
      const shipped = readRecords({ name: place.folder, path: place.folder }).find(({ line }) => line.run === run);
      if (shipped === undefined)
        throw new StoreError(`the record of run ${run} is no longer in ${place.folder}: other code was accepted there`);
      return shipped.events;
    },
    places(run) {
      const { place } = knownRow(run);
      return place.kind === "store"
        ? { workspace: join(directories.runs, run, "workspace"), acceptedFolder: null }
        : { workspace: null, acceptedFolder: place.folder };
    },
    unreadable: () => [...broken].sort(),
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    look,
    close: () => clearInterval(timer),
  };
}
