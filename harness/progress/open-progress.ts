import type { EventBody } from "../../specs/contracts/event.js";
import { jsonLine } from "./json-lines.js";
import { openLiveView } from "./live-view.js";
import { createPlainLines } from "./plain-lines.js";
import type { ProgressWriter } from "./progress-writer.js";

/** On a terminal a block that is redrawn; else lines; with `json` the events themselves. */
export function openProgress(stream: NodeJS.WriteStream, json: boolean): ProgressWriter {
  if (json) return lineWriter(stream, jsonLine);
  if (stream.isTTY && process.env.TERM !== "dumb") return openLiveView(stream);
  return lineWriter(stream, createPlainLines());
}

function lineWriter(stream: NodeJS.WriteStream, toLine: (event: EventBody, atMs: number) => string | null): ProgressWriter {
  return {
    event(event, atMs) {
      const line = toLine(event, atMs);
      if (line !== null) stream.write(`${line}\n`);
    },
    say(text) {
      // stdout belongs to the events.
      process.stderr.write(`${text}\n`);
    },
    close() {},
  };
}
