import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { exactJson } from "../exact-json.js";
import { leanEvent } from "./lean-event.js";
import type { LiveMessage } from "./page-data.js";
import type { FeedChange, RunFeed } from "./run-feed.js";

/** Proxies and browsers drop connections on which nothing moves. */
const heartbeatMs = 15_000;
const eventsAMessage = 200;

/**
 * Server-sent events: what changed among the runs and, where a run is named, its events from `after` on. The id of a message is the
 * sequence of its last event, so that a browser that reconnects goes on where it was.
 */
export function streamLive(context: Context, feed: RunFeed, ended: AbortSignal): Response {
  const run = context.req.query("run");
  const asked = context.req.header("last-event-id") ?? context.req.query("after") ?? "";
  let next = /^\d{1,15}$/.test(asked) ? Number(asked) + 1 : 0;
  return streamSSE(context, async (stream) => {
    const waiting: FeedChange[] = [];
    let wake = () => {};
    const stopWatching = feed.watch((change) => {
      waiting.push(change);
      wake();
    });
    stream.onAbort(() => wake());
    const end = () => wake();
    ended.addEventListener("abort", end);
    const sendEvents = async () => {
      if (run === undefined) return;
      const fresh = feed.events(run).slice(next);
      for (let start = 0; start < fresh.length; start += eventsAMessage) {
        const events = fresh.slice(start, start + eventsAMessage).map(leanEvent);
        next = events.at(-1)!.sequence + 1;
        const message: LiveMessage = { type: "events", run, events };
        await stream.writeSSE({ data: exactJson(message), id: String(next - 1) });
      }
    };
    try {
      await stream.writeSSE({ data: "", event: "open", retry: 1000 });
      await sendEvents();
      while (!stream.aborted && !ended.aborted) {
        if (waiting.length === 0) {
          const woken = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const timer = setTimeout(() => wake(), heartbeatMs);
          await woken;
          clearTimeout(timer);
          if (waiting.length === 0 && !stream.aborted && !ended.aborted) await stream.writeSSE({ data: "", event: "heartbeat" });
          continue;
        }
        const changes = waiting.splice(0);
        const rows = new Map(changes.flatMap((change) => change.rows).map((row) => [row.run, row]));
        const message: LiveMessage = {
          type: "changed",
          rows: [...rows.values()],
          gone: changes.flatMap((change) => change.gone),
          accepted: changes.some((change) => change.accepted),
        };
        await stream.writeSSE({ data: exactJson(message) });
        if (run !== undefined && rows.has(run)) await sendEvents();
      }
    } finally {
      stopWatching();
      ended.removeEventListener("abort", end);
    }
  });
}
