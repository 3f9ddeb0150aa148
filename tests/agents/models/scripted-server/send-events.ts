import type { ServerResponse } from "node:http";
import type { ScriptedReply } from "./script.js";
import type { StreamEvent, WireProtocol } from "./wire-protocol.js";

/** Sends a reply as server-sent events, and breaks it off as the script says. */
export function sendEvents(response: ServerResponse, protocol: WireProtocol, events: StreamEvent[], breaks: ScriptedReply["breaks"]): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  const final = events.findIndex(({ isFinal }) => isFinal === true);
  const breakAt = breaks === undefined ? events.length : { start: 0, middle: Math.ceil(final / 2), end: final }[breaks.at];
  for (const event of events.slice(0, breakAt)) response.write(encode(event));
  switch (breaks?.how) {
    case "stall":
      // Until the client has had enough, or the server is closed.
      return;
    case "reset":
      // Once what was written is on its way: otherwise the headers would be lost as well.
      setTimeout(() => response.destroy(), 20);
      return;
    case "close":
      response.end();
      return;
    case "error":
    case "failed":
      response.write(encode(protocol.streamError(breaks.code ?? "api_error", "a scripted error", breaks.how)));
      response.end();
      return;
    case "garbage":
      response.write(`${protocol.name === "openai-chat" ? "" : "event: garbage\n"}data: {"type": "gar\n\n`);
  }
  // Behind garbage the stream goes on to its proper end, so that the garbage alone is what is wrong.
  for (const event of events.slice(breakAt)) response.write(encode(event));
  if (protocol.name === "openai-chat") response.write("data: [DONE]\n\n");
  response.end();
}

function encode({ event, data }: StreamEvent): string {
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}
