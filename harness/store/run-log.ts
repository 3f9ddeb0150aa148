import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { EventBody, ForgeEvent } from "../../specs/contracts/event.js";
import { StoreError } from "../../specs/contracts/store.js";
import { parseExactJson } from "../exact-json.js";
import { jsonText } from "../report/escape-text.js";
import { diskFull } from "./disk-full.js";
import { syncFolder } from "./file-sync.js";
import { type LogContent, parseLog } from "./parse-log.js";

/** The truth of a run: one event a line, in the order in which they happened, only ever appended to. */
export interface RunLog {
  path: string;
  events(): readonly ForgeEvent[];
  /** Writes and fsyncs before it returns; throws StoreError and leaves the log as it was where that fails. */
  append(body: EventBody): ForgeEvent;
  close(): void;
}

export function createRunLog(path: string, run: string): RunLog {
  const descriptor = openSync(path, "wx+", 0o644);
  fsyncSync(descriptor);
  syncFolder(dirname(path));
  syncFolder(dirname(dirname(path)));
  return openLog(path, run, descriptor, { events: [], validBytes: 0, tornBytes: 0 });
}

/** Opens for appending and cuts off a torn last line: it was never acknowledged. */
export function openRunLog(path: string, run: string): { log: RunLog; truncatedBytes: number } {
  const content = readRunLog(path, run);
  const descriptor = openSync(path, "r+");
  if (content.tornBytes > 0) {
    ftruncateSync(descriptor, content.validBytes);
    fsyncSync(descriptor);
  }
  return { log: openLog(path, run, descriptor, content), truncatedBytes: content.tornBytes };
}

/** Reads without changing anything: another process may be in the middle of an append. */
export function readRunLog(path: string, run: string): LogContent {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new StoreError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return parseLog(bytes, path, run);
}

function openLog(path: string, run: string, descriptor: number, content: LogContent): RunLog {
  const events = [...content.events];
  let length = content.validBytes;
  let unusable: string | null = null;

  function writeDurably(bytes: Buffer): void {
    try {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(descriptor, bytes, written, bytes.length - written, length + written);
      }
      fsyncSync(descriptor);
    } catch (error) {
      undo();
      throw (
        // A run without events never started: there is nothing to go on with.
        diskFull(error, path, events.length === 0 ? null : run) ??
        new StoreError(`${path} cannot be written: ${String(error)}; the run can be resumed`, { cause: error })
      );
    }
    length += bytes.length;
  }

  /** Takes back what a failed append left; where that fails too, nothing more may follow the debris. */
  function undo(): void {
    try {
      ftruncateSync(descriptor, length);
      fsyncSync(descriptor);
    } catch (error) {
      unusable = String(error);
    }
  }

  return {
    path,
    events: () => events,
    append(body) {
      if (unusable !== null) throw new StoreError(`${path} takes no more events after a failed write (${unusable}); open the run again`);
      const line = jsonText({ sequence: events.length, at: new Date().toISOString(), run, ...body });
      // As it will be read back: what a process sees while it runs and what it finds after a crash are the same.
      const event = parseExactJson(line) as ForgeEvent;
      writeDurably(Buffer.from(`${line}\n`, "utf8"));
      events.push(event);
      return event;
    },
    close() {
      if (unusable === null) closeSync(descriptor);
      unusable = `${basename(path)} is closed`;
    },
  };
}
