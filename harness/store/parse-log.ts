import type { ForgeEvent } from "../../specs/contracts/event.js";
import { StoreError } from "../../specs/contracts/store.js";
import { parseExactJson } from "../exact-json.js";

/** The version of the log that this Forge writes and reads; see `run-started`. */
export const logFormatVersion = 1;

export interface LogContent {
  events: ForgeEvent[];
  /** Where the last whole line ends. */
  validBytes: number;
  /** What follows it: the rest of an append that was killed. */
  tornBytes: number;
}

const newline = 0x0a;

/**
 * Parses a run's log. A last line that is cut off or is no JSON was never acknowledged and is left out; anything wrong before
 * it is an error that names file and line, since acknowledged events are missing then.
 */
export function parseLog(bytes: Buffer, path: string, run: string): LogContent {
  const events: ForgeEvent[] = [];
  let start = 0;
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
    const parsed = parseLine(bytes.subarray(start, end));
    if (parsed === undefined) {
      if (end === bytes.length - 1) break;
      throw new StoreError(
        `${path}, line ${events.length + 1}: is not JSON, and lines follow it, so this is damage and not an interrupted write. ` +
          `Restore the file from a backup, or cut it off before this line to keep the ${events.length} events above it`,
      );
    }
    events.push(asEvent(parsed, events.length, path, run));
    start = end + 1;
  }
  return { events, validBytes: start, tornBytes: bytes.length - start };
}

function parseLine(line: Buffer): unknown {
  try {
    return parseExactJson(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch {
    return undefined;
  }
}

/** Checks what every event has; the bodies are trusted, since only Forge writes here and the sequence shows a gap. */
function asEvent(parsed: unknown, sequence: number, path: string, run: string): ForgeEvent {
  const place = `${path}, line ${sequence + 1}`;
  if (typeof parsed !== "object" || parsed === null || !("type" in parsed) || typeof parsed.type !== "string") {
    throw new StoreError(`${place}: is not an event (an object with a type)`);
  }
  if (parsed.type === "run-started" && "formatVersion" in parsed && parsed.formatVersion !== logFormatVersion) {
    throw new StoreError(
      `${place}: the run has format version ${JSON.stringify(parsed.formatVersion)}, this Forge reads version ${logFormatVersion}. ` +
        "A newer Forge wrote it: update Forge (git pull && npm install), or start a new run",
    );
  }
  if (!("sequence" in parsed) || parsed.sequence !== sequence) {
    throw new StoreError(
      `${place}: expected the event with sequence ${sequence}; events were removed, added or reordered. Restore the file`,
    );
  }
  if (!("run" in parsed) || parsed.run !== run) {
    throw new StoreError(`${place}: belongs to the run ${JSON.stringify("run" in parsed ? parsed.run : null)}, not to ${run}`);
  }
  return parsed as ForgeEvent;
}
