/** The one file that knows Anthropic's SDK. */
import Anthropic, { APIError } from "@anthropic-ai/sdk";
import type { AdapterOptions } from "./adapter-options.js";
import { describeError, type Failure } from "./model-failure.js";
import { watchedFetch } from "./watched-fetch.js";

export type MessageRequest = Anthropic.MessageCreateParamsStreaming;
export type MessageEvent = Anthropic.RawMessageStreamEvent;
export type Message = Anthropic.MessageParam;
export type ContentBlock = Anthropic.ContentBlockParam;
export type ThinkingPart = Anthropic.ThinkingBlockParam | Anthropic.RedactedThinkingBlockParam;

export type OpenMessageStream = (request: MessageRequest, signal: AbortSignal) => Promise<AsyncIterable<MessageEvent>>;

/** A client for one base URL and key: no retries of its own, and it prints nothing. */
export function anthropicStreams(options: AdapterOptions): OpenMessageStream {
  const client = new Anthropic({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    maxRetries: 0,
    timeout: options.responseTimeoutMs,
    fetch: watchedFetch(options.idleTimeoutMs),
    logLevel: "off",
  });
  return (request, signal) => client.messages.create(request, { signal });
}

export function anthropicFailure(error: unknown): Failure {
  const message = describeError(error);
  if (!(error instanceof APIError)) return { status: null, headers: null, body: null, message };
  return { status: error.status ?? null, headers: error.headers ?? null, body: error.error ?? null, message };
}
