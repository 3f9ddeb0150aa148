import type { AdapterOptions } from "./adapter-options.js";
import { keptIn, piecesOf } from "./kept-order.js";
import type { Model, ModelError, ModelRequest, Turn } from "./model.js";
import { modelErrorFrom } from "./model-failure.js";
import {
  openAiContext,
  openAiFailure,
  openAiStreams,
  type ReasoningItem,
  type ResponseItem,
  type ResponseRequest,
  type SdkEffort,
} from "./openai-client.js";
import { ResponsesReply } from "./openai-responses-reply.js";
import { readStream } from "./read-stream.js";
import { argumentsJson, sendableName, sendableTurns, wellFormed } from "./sendable-turns.js";

/** A model behind the Responses API (https://developers.openai.com/api/docs/api-reference/responses); nothing is stored there. */
export function openAiResponsesModel(options: AdapterOptions): Model {
  const { model, baseUrl } = options;
  const streams = openAiStreams(options);
  const context = openAiContext(options);
  const toModelError = (error: unknown): ModelError => modelErrorFrom(openAiFailure(error), context);

  return {
    name: model,
    provider: "openai-responses",
    contextTokens: options.contextTokens,
    async respond(request) {
      const reply = new ResponsesReply(context);
      await readStream(
        {
          open: (signal) => streams.respond(responseRequest(request, options), signal),
          accept: (event) => reply.accept(event),
          isFinished: () => reply.finished,
          toModelError,
        },
        request,
      );
      return reply.build(model, request.turns);
    },
    describeRequest: (request) => ({ method: "POST", url: `${baseUrl}/responses`, body: responseRequest(request, options) }),
  };
}

function responseRequest(request: ModelRequest, { model, effort }: AdapterOptions): ResponseRequest {
  const { system, tools, turns, maximumOutputTokens } = request;
  return {
    model,
    max_output_tokens: maximumOutputTokens,
    stream: true,
    store: false,
    include: ["reasoning.encrypted_content"],
    ...(system.trim() === "" ? {} : { instructions: wellFormed(system) }),
    input: sendableTurns(turns).flatMap((turn) => itemsOf(turn, model)),
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => ({ type: "function", ...tool, strict: false })) }),
    ...(effort === undefined ? {} : { reasoning: { effort: effort as SdkEffort } }),
  };
}

function itemsOf(turn: Turn, model: string): ResponseItem[] {
  if (turn.role === "user") return [{ type: "message", role: "user", content: wellFormed(turn.text) }];
  if (turn.role === "tools")
    return turn.answers.map(({ id, text }) => ({ type: "function_call_output", call_id: id, output: wellFormed(text) }));
  const kept = keptIn<ReasoningItem>(turn, "openai-responses", model);
  return piecesOf(turn, kept?.order ?? null).flatMap((piece): ResponseItem[] => {
    if ("part" in piece) return [piece.part];
    if ("call" in piece) {
      const { id, name, argumentsText } = piece.call;
      return [{ type: "function_call", call_id: id, name: sendableName(name), arguments: argumentsJson(argumentsText) }];
    }
    if (piece.text.trim() === "") return [];
    const phase = piece.phase === "commentary" || piece.phase === "final_answer" ? { phase: piece.phase as "commentary" } : {};
    return [{ type: "message", role: "assistant", content: wellFormed(piece.text), ...phase }];
  });
}
