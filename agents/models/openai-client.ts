/** The one file that knows OpenAI's SDK. */
import OpenAI, { APIError } from "openai";
import type { AdapterOptions } from "./adapter-options.js";
import { describeError, type Failure, type FailureContext } from "./model-failure.js";
import { watchedFetch } from "./watched-fetch.js";

export type ChatRequest = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;
export type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
export type ChatChunk = OpenAI.Chat.Completions.ChatCompletionChunk;
export type ResponseRequest = OpenAI.Responses.ResponseCreateParamsStreaming;
export type ResponseItem = OpenAI.Responses.ResponseInputItem;
export type ResponseEvent = OpenAI.Responses.ResponseStreamEvent;
export type FinishedResponse = OpenAI.Responses.Response;
export type ReasoningItem = OpenAI.Responses.ResponseReasoningItem;
export type SdkEffort = NonNullable<OpenAI.ReasoningEffort>;

export interface OpenAiStreams {
  chat(request: ChatRequest, signal: AbortSignal): Promise<AsyncIterable<ChatChunk>>;
  respond(request: ResponseRequest, signal: AbortSignal): Promise<AsyncIterable<ResponseEvent>>;
}

/** A client for one base URL and key: no retries of its own, and it prints nothing. */
export function openAiStreams(options: AdapterOptions): OpenAiStreams {
  const client = new OpenAI({
    // The SDK wants a key; where there is none, the header that would carry it is taken out.
    apiKey: options.apiKey ?? "none",
    ...(options.apiKey === null ? { defaultHeaders: { Authorization: null } } : {}),
    organization: null,
    project: null,
    baseURL: options.baseUrl,
    maxRetries: 0,
    timeout: options.responseTimeoutMs,
    fetch: watchedFetch(options.idleTimeoutMs),
    logLevel: "off",
  });
  return {
    chat: (request, signal) => client.chat.completions.create(request, { signal }),
    respond: (request, signal) => client.responses.create(request, { signal }),
  };
}

export function openAiFailure(error: unknown): Failure {
  const message = describeError(error);
  if (!(error instanceof APIError)) return { status: null, headers: null, body: null, message };
  return { status: error.status ?? null, headers: error.headers ?? null, body: error.error ?? null, message };
}

export function openAiContext({ model, baseUrl, apiKey }: AdapterOptions): FailureContext {
  return { model, baseUrl, keyVariable: "OPENAI_API_KEY", secrets: apiKey === null ? [] : [apiKey] };
}
