import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type JobRequest, QueueUnavailable } from "../../specs/contracts/queue.js";
import { diskFull } from "../store/disk-full.js";
import { syncFolder } from "../store/file-sync.js";

/** What is durable of an embedded queue, one object a line. */
export type JournalEntry =
  | { type: "submitted"; request: JobRequest; submittedAtMs: number }
  | { type: "begun"; id: string; tries: number; failures: number }
  | { type: "completed"; id: string; envelope: string; token: string }
  | { type: "failed"; id: string; reason: string }
  | { type: "cancelled"; id: string };

/** A file beside the run. A killed process finds in it what was asked for and what was answered; a last line that was cut off never happened. */
export class EmbeddedJournal {
  private constructor(
    readonly path: string,
    private readonly descriptor: number,
    private length: number,
    private readonly run: string | null,
  ) {}

  static open(path: string, run: string | null): { journal: EmbeddedJournal; entries: JournalEntry[] } {
    const isNew = !existsSync(path);
    const text = isNew ? "" : readFileSync(path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const entries = whole
      .split("\n")
      .slice(0, -1)
      .map((line, index) => parseEntry(line, path, index + 1));
    const descriptor = openSync(path, isNew ? "wx+" : "r+", 0o644);
    const length = Buffer.byteLength(whole);
    ftruncateSync(descriptor, length);
    fsyncSync(descriptor);
    if (isNew) syncFolder(dirname(path));
    return { journal: new EmbeddedJournal(path, descriptor, length, run), entries };
  }

  /** Durable on return. */
  append(entry: JournalEntry): void {
    const bytes = Buffer.from(`${JSON.stringify(entry)}\n`, "utf8");
    try {
      for (let written = 0; written < bytes.length; )
        written += writeSync(this.descriptor, bytes, written, bytes.length - written, this.length + written);
      fsyncSync(this.descriptor);
    } catch (error) {
      throw (
        diskFull(error, this.path, this.run) ?? new QueueUnavailable(`${this.path} cannot be written: ${String(error)}`, { cause: error })
      );
    }
    this.length += bytes.length;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function parseEntry(line: string, path: string, number: number): JournalEntry {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === "object" && entry !== null && "type" in entry) return entry as JournalEntry;
  } catch {
    // Told below.
  }
  throw new QueueUnavailable(`${path} line ${number} is not what a queue writes; remove the file: nothing but unread results is lost`);
}
