import { ModelError, type ModelRequest } from "./model.js";

export interface ReplyStream<Event> {
  open(signal: AbortSignal): Promise<AsyncIterable<Event>>;
  /** Takes an event in; returns the text that it adds to the answer. Throws where it makes no sense. */
  accept(event: Event): string | null;
  /** Whether the event that ends an answer has come. */
  isFinished(): boolean;
  toModelError(error: unknown): ModelError;
}

/** Reads a stream to its end. Throws ModelError, or the signal's reason; without its final event a stream is no answer. */
export async function readStream<Event>(stream: ReplyStream<Event>, { signal, onText }: ModelRequest): Promise<void> {
  signal.throwIfAborted();
  // The SDKs leave listeners behind, and the caller's signal may outlive hundreds of requests.
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  let events: AsyncIterator<Event> | null = null;
  try {
    events = (await attempt(stream, signal, () => stream.open(own.signal)))[Symbol.asyncIterator]();
    for (;;) {
      const next = await attempt(stream, signal, async () => events!.next());
      // On abort the SDKs end their streams as if nothing were missing.
      signal.throwIfAborted();
      if (next.done === true) break;
      const text = await attempt(stream, signal, async () => stream.accept(next.value));
      if (text !== null && text !== "") onText?.(text);
    }
  } finally {
    // Closes the connection where the stream was left early.
    await events?.return?.().catch(() => undefined);
    signal.removeEventListener("abort", abort);
  }
  if (!stream.isFinished()) throw stream.toModelError(new Error("the stream ended before its final event"));
}

async function attempt<Event, Result>(stream: ReplyStream<Event>, signal: AbortSignal, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof ModelError ? error : stream.toModelError(error);
  }
}
