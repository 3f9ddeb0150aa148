import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { speedUpOf } from "../../specs/verdict-speed.js";
import { acceptedAttempt } from "../accepted-record.js";
import { parseCertificate } from "../certificate-text.js";
import { parseLog } from "./parse-log.js";
import { type RunLine, summarizeRun } from "./summarize-run.js";

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
export function readRecord(folder: AcceptedFolder): { line: RunLine; events: ForgeEvent[] } {
  const path = join(folder.path, "record.jsonl");
  const bytes = readFileSync(path);
  const run = runNamedIn(bytes);
  if (run === null) throw new Error(`${path} does not begin with an event of a run`);
  const { events } = parseLog(bytes, path, run);
  const line = summarizeRun(events);
  if (line === null) throw new Error(`${path} does not begin with run-started`);
  // It ends with a verdict, before the event that says which attempt was accepted: the certificate does.
  const accepted = acceptedAttempt(events, acceptedIn(folder));
  const speed = typeof accepted === "string" ? null : speedUpOf(accepted.verdict);
  return { line: { ...line, bestRatio: speed?.ratio ?? null, bestInterval: speed && { low: speed.low, high: speed.high } }, events };
}

/** Runs of whose history a record is all that is here: what is accepted is known, the folder it lies in too. */
export function shippedRuns(generatedDirectory: string): { line: RunLine; folder: string }[] {
  return acceptedFolders(generatedDirectory).flatMap((folder) => {
    try {
      return [{ line: readRecord(folder).line, folder: folder.path }];
    } catch {
      return []; // `forge check` and the dashboard's matrix say which folder cannot be read, and why.
    }
  });
}

/** The attempt that the certificate certifies; NaN, which no attempt is, where it says none. */
function acceptedIn(folder: AcceptedFolder): number {
  const certificate = parseCertificate(readFileSync(join(folder.path, "certificate.json"), "utf8"));
  return "attempt" in certificate ? certificate.attempt : Number.NaN;
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
