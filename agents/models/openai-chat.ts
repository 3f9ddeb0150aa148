import type { AdapterOptions } from "./adapter-options.js";
import type { Model, ModelError, ModelRequest, Turn } from "./model.js";
import { modelErrorFrom } from "./model-failure.js";
import { ChatReply } from "./openai-chat-reply.js";
import { type ChatMessage, type ChatRequest, openAiContext, openAiFailure, openAiStreams, type SdkEffort } from "./openai-client.js";
import { readStream } from "./read-stream.js";
import { argumentsJson, sendableName, sendableTurns, wellFormed } from "./sendable-turns.js";

/** A model behind Chat Completions: OpenAI's own, or vLLM, SGLang, llama.cpp, Ollama, LM Studio at their base URL. */
export function openAiChatModel(options: AdapterOptions): Model {
  const { model, baseUrl } = options;
  const streams = openAiStreams(options);
  const toModelError = (error: unknown): ModelError => modelErrorFrom(openAiFailure(error), openAiContext(options));

  return {
    name: model,
    provider: "openai-chat",
    contextTokens: options.contextTokens,
    async respond(request) {
      const reply = new ChatReply();
      await readStream(
        {
          open: (signal) => streams.chat(chatRequest(request, options), signal),
          accept: (chunk) => reply.accept(chunk),
          isFinished: () => reply.finished,
          toModelError,
        },
        request,
      );
      return reply.build(request.turns);
    },
    describeRequest: (request) => ({ method: "POST", url: `${baseUrl}/chat/completions`, body: chatRequest(request, options) }),
  };
}

function chatRequest(request: ModelRequest, { model, baseUrl, effort }: AdapterOptions): ChatRequest {
  const { system, tools, turns, maximumOutputTokens } = request;
  // OpenAI's reasoning models refuse the old name, and some local servers know no other.
  const limit = isOpenAi(baseUrl) ? { max_completion_tokens: maximumOutputTokens } : { max_tokens: maximumOutputTokens };
  return {
    model,
    ...limit,
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      ...(system.trim() === "" ? [] : [{ role: "system" as const, content: wellFormed(system) }]),
      ...sendableTurns(turns).flatMap(messagesOf),
    ],
    ...(tools.length === 0
      ? {}
      : { tools: tools.map(({ name, description, parameters }) => ({ type: "function", function: { name, description, parameters } })) }),
    ...(effort === undefined ? {} : { reasoning_effort: effort as SdkEffort }),
  };
}

function isOpenAi(baseUrl: string): boolean {
  return /(^|\.)openai\.com$/.test(new URL(baseUrl).hostname);
}

function messagesOf(turn: Turn): ChatMessage[] {
  if (turn.role === "user") return [{ role: "user", content: wellFormed(turn.text) }];
  if (turn.role === "tools") return turn.answers.map(({ id, text }) => ({ role: "tool", tool_call_id: id, content: wellFormed(text) }));
  const { text, calls } = turn;
  if (calls.length === 0) return [{ role: "assistant", content: wellFormed(text) }];
  const toolCalls = calls.map(({ id, name, argumentsText }) => ({
    id,
    type: "function" as const,
    function: { name: sendableName(name), arguments: argumentsJson(argumentsText) },
  }));
  return [{ role: "assistant", content: text === "" ? null : wellFormed(text), tool_calls: toolCalls }];
}
