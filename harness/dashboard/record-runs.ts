import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { speedUpOf } from "../../specs/verdict-speed.js";
import { parseLog } from "../store/parse-log.js";
import { summarizeRun } from "../store/summarize-run.js";
import type { RunRow } from "./page-data.js";

export interface AcceptedFolder {
  /** `<spec>/<variant>/<target>` below the folder of all. */
  name: string;
  path: string;
}

/** The folders of `generated/` in which something was accepted. */
export function acceptedFolders(generatedDirectory: string): AcceptedFolder[] {
  const below = (folder: string) => subfolders(join(generatedDirectory, folder)).map((name) => join(folder, name));
  return subfolders(generatedDirectory)
    .flatMap(below)
    .flatMap(below)
    .map((name) => ({ name, path: join(generatedDirectory, name) }))
    .filter(({ path }) => modifiedAtMs(join(path, "certificate.json")) > 0);
}

/** Zero where there is nothing. */
export function modifiedAtMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The history that is shipped beside an accepted kernel. Throws where it cannot be read. */
export function readRecord(folder: AcceptedFolder): { row: RunRow; events: ForgeEvent[] } {
  const path = join(folder.path, "record.jsonl");
  const bytes = readFileSync(path);
  const run = runNamedIn(bytes);
  if (run === null) throw new Error(`${path} does not begin with an event of a run`);
  const { events } = parseLog(bytes, path, run);
  const line = summarizeRun(events);
  if (line === null) throw new Error(`${path} does not begin with run-started`);
  const last = events.findLast((event) => event.type === "attempt-judged");
  // It ends with the verdict that accepted it, before the event that says so.
  const interval = last?.type === "attempt-judged" ? speedUpOf(last.verdict) : null;
  const bestInterval = interval && { low: interval.low, high: interval.high };
  return { row: { ...line, bestRatio: interval?.ratio ?? null, bestInterval, place: { kind: "record", folder: folder.path } }, events };
}

/** The events of a run whose record was shipped; null where no record is of that run. */
export function recordedEvents(generatedDirectory: string, run: string): ForgeEvent[] | null {
  for (const folder of acceptedFolders(generatedDirectory)) {
    if (runNamedIn(readRecordBytes(folder)) === run) return readRecord(folder).events;
  }
  return null;
}

function readRecordBytes(folder: AcceptedFolder): Buffer {
  try {
    return readFileSync(join(folder.path, "record.jsonl"));
  } catch {
    return Buffer.alloc(0); // A folder without its record names no run; the matrix says what is wrong with it.
  }
}

function runNamedIn(bytes: Buffer): string | null {
  try {
    const first: unknown = JSON.parse(bytes.subarray(0, bytes.indexOf(0x0a)).toString("utf8"));
    return typeof first === "object" && first !== null && "run" in first && typeof first.run === "string" ? first.run : null;
  } catch {
    return null;
  }
}

function subfolders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map((entry) => entry.name)
      .sort();
  } catch {
    // Nothing accepted yet.
    return [];
  }
}
