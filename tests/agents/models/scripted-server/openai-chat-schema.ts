import { closedObject } from "./wire-protocol.js";

/** The request of Chat Completions (https://developers.openai.com/api/docs/api-reference/chat/create), as far as agents use it. */
const text = { type: "string" };
const anything = {};
const content = { type: ["string", "array"], items: { type: "object", required: ["type"] } };
const name = { type: "string", pattern: "^[a-zA-Z0-9_-]{1,64}$" };
const toolCall = closedObject(
  {
    id: { type: "string", minLength: 1 },
    type: { const: "function" },
    function: closedObject({ name, arguments: text }, ["name", "arguments"]),
  },
  ["id", "type", "function"],
);
const message = {
  type: "object",
  discriminator: { propertyName: "role" },
  required: ["role"],
  oneOf: [
    closedObject({ role: { enum: ["system", "developer"] }, content, name: text }, ["role", "content"]),
    closedObject({ role: { const: "user" }, content, name: text }, ["role", "content"]),
    closedObject(
      {
        role: { const: "assistant" },
        content: { ...content, type: ["string", "array", "null"] },
        tool_calls: { type: "array", minItems: 1, items: toolCall },
        refusal: { type: ["string", "null"] },
        name: text,
      },
      ["role"],
    ),
    closedObject({ role: { const: "tool" }, content, tool_call_id: text }, ["role", "content", "tool_call_id"]),
  ],
};
const tool = closedObject(
  {
    type: { const: "function" },
    function: closedObject({ name, description: text, parameters: { type: "object" }, strict: { type: ["boolean", "null"] } }, ["name"]),
  },
  ["type", "function"],
);

export const chatSchema = closedObject(
  {
    model: { type: "string", minLength: 1 },
    messages: { type: "array", minItems: 1, items: message },
    tools: { type: "array", minItems: 1, items: tool },
    tool_choice: anything,
    parallel_tool_calls: { type: "boolean" },
    max_tokens: { type: ["integer", "null"], minimum: 1 },
    max_completion_tokens: { type: ["integer", "null"], minimum: 1 },
    stream: { type: ["boolean", "null"] },
    stream_options: closedObject({ include_usage: { type: "boolean" }, include_obfuscation: { type: "boolean" } }, []),
    reasoning_effort: { enum: ["none", "minimal", "low", "medium", "high", "xhigh", "max", null] },
    temperature: { type: ["number", "null"] },
    top_p: { type: ["number", "null"] },
    n: { type: ["integer", "null"] },
    stop: anything,
    seed: anything,
    response_format: anything,
    store: { type: ["boolean", "null"] },
    metadata: anything,
    service_tier: anything,
    prompt_cache_key: anything,
    safety_identifier: anything,
    verbosity: anything,
    user: text,
  },
  ["model", "messages"],
);
