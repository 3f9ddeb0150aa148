import { anthropicFailure, anthropicStreams } from "./anthropic-client.js";
import { AnthropicReply } from "./anthropic-reply.js";
import { type AnthropicOptions, messageRequest } from "./anthropic-request.js";
import type { Model, ModelError } from "./model.js";
import { modelErrorFrom } from "./model-failure.js";
import { readStream } from "./read-stream.js";

/** A model behind the Messages API (https://platform.claude.com/docs/en/api/messages). */
export function anthropicModel(options: AnthropicOptions): Model {
  const { model, baseUrl, apiKey } = options;
  const openStream = anthropicStreams(options);
  const context = { model, baseUrl, keyVariable: "ANTHROPIC_API_KEY", secrets: apiKey === null ? [] : [apiKey] };
  const toModelError = (error: unknown): ModelError => modelErrorFrom(anthropicFailure(error), context);

  return {
    name: model,
    provider: "anthropic",
    contextTokens: options.contextTokens,
    async respond(request) {
      const { body, prefix } = messageRequest(request, options);
      const reply = new AnthropicReply();
      await readStream(
        {
          open: (signal) => openStream(body, signal),
          accept: (event) => reply.accept(event),
          isFinished: () => reply.finished,
          toModelError,
        },
        request,
      );
      return reply.build(model, prefix, request.turns);
    },
    describeRequest: (request) => ({ method: "POST", url: `${baseUrl}/v1/messages`, body: messageRequest(request, options).body }),
  };
}
