import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { speedUpOf } from "../../specs/verdict-speed.js";
import { acceptedOf } from "../accepted-record.js";
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

/** A run of whose history a record is all that is here, and the folder that it lies in. */
export interface ShippedRun {
  line: RunLine;
  folder: string;
  events: ForgeEvent[];
}

/**
 * The histories that are shipped beside an accepted kernel: of the run that its certificate is of and, where that only certified it again, of
 * the run that had it accepted first. Throws where one cannot be read.
 */
export function readRecords(folder: AcceptedFolder): [ShippedRun, ...ShippedRun[]] {
  const certificate = parseCertificate(readFileSync(join(folder.path, "certificate.json"), "utf8"));
  const tree = "tree" in certificate ? certificate.tree : null;
  const origin = join(folder.path, "origin.jsonl");
  const record = readRecord(join(folder.path, "record.jsonl"), folder.path, tree);
  if (!existsSync(origin)) return [record];
  try {
    return [record, readRecord(origin, folder.path, tree)];
  } catch {
    return [record]; // `forge check` says what is wrong with it.
  }
}

function readRecord(path: string, folder: string, tree: string | null): ShippedRun {
  const bytes = readFileSync(path);
  const run = runNamedIn(bytes);
  if (run === null) throw new Error(`${path} does not begin with an event of a run`);
  const { events } = parseLog(bytes, path, run);
  const line = summarizeRun(events);
  if (line === null) throw new Error(`${path} does not begin with run-started`);
  // It ends with a verdict, before the event that says which attempt was accepted: the certified tree does.
  const accepted = tree === null ? null : acceptedOf(events, tree);
  const speed = accepted && speedUpOf(accepted.verdict);
  return {
    line: { ...line, bestRatio: speed?.ratio ?? null, bestInterval: speed && { low: speed.low, high: speed.high } },
    folder,
    events,
  };
}

export function shippedRuns(generatedDirectory: string): ShippedRun[] {
  return acceptedFolders(generatedDirectory).flatMap((folder) => {
    try {
      return readRecords(folder);
    } catch {
      return []; // `forge check` and the dashboard's matrix say which folder cannot be read, and why.
    }
  });
}

/** The events of a run whose record was shipped; null where no record is of that run. */
export function recordedEvents(generatedDirectory: string, run: string): ForgeEvent[] | null {
  return shippedRuns(generatedDirectory).find(({ line }) => line.run === run)?.events ?? null;
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
