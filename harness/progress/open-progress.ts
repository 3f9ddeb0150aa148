import type { EventBody } from "../../specs/contracts/event.js";
import { jsonLine } from "./json-lines.js";
import { openLiveView } from "./live-view.js";
import { createPlainLines } from "./plain-lines.js";
import type { ProgressWriter } from "./progress-writer.js";

/** On a terminal a block that is redrawn; else lines; with `json` the events themselves. A label begins each line where several share the stream. */
export function openProgress(stream: NodeJS.WriteStream, json: boolean, label?: string): ProgressWriter {
  if (json) return lineWriter(stream, jsonLine);
  if (label !== undefined) {
    const lines = createPlainLines();
    const labelled = (text: string) => `[${label}] ${text}`;
    return lineWriter(
      stream,
      (event, atMs) => {
        const line = lines(event, atMs);
        return line === null ? null : labelled(line);
      },
      labelled,
    );
  }
  if (stream.isTTY && process.env.TERM !== "dumb") return openLiveView(stream);
  return lineWriter(stream, createPlainLines());
}

function lineWriter(
  stream: NodeJS.WriteStream,
  toLine: (event: EventBody, atMs: number) => string | null,
  toWord = (text: string) => text,
): ProgressWriter {
  return {
    event(event, atMs) {
      const line = toLine(event, atMs);
      if (line !== null) stream.write(`${line}\n`);
    },
    say(text) {
      // stdout belongs to the events.
      process.stderr.write(`${toWord(text)}\n`);
    },
    close() {},
  };
}
