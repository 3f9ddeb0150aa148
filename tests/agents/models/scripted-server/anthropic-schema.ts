import { closedObject, oneOfType } from "./wire-protocol.js";

/** The Messages API's request (https://platform.claude.com/docs/en/api/messages), as far as agents use it. */
const text = { type: "string" };
const anything = {};
const cacheControl = {
  ...closedObject({ type: { const: "ephemeral" }, ttl: { enum: ["5m", "1h"] }, scope: text }, ["type"]),
  nullable: true,
};
const textBlock = closedObject(
  { type: { const: "text" }, text: { type: "string", pattern: "\\S" }, cache_control: cacheControl, citations: anything },
  ["type", "text"],
);
const source = { type: "object" };
const image = closedObject({ type: { const: "image" }, source, cache_control: cacheControl }, ["type", "source"]);
const document = closedObject(
  { type: { const: "document" }, source, title: anything, context: anything, citations: anything, cache_control: cacheControl },
  ["type", "source"],
);
const toolUse = closedObject(
  {
    type: { const: "tool_use" },
    id: { type: "string", pattern: "^[a-zA-Z0-9_-]+$" },
    name: { type: "string", pattern: "^[a-zA-Z0-9_-]{1,200}$" },
    input: { type: "object" },
    caller: anything,
    cache_control: cacheControl,
  },
  ["type", "id", "name", "input"],
);
const toolResult = closedObject(
  {
    type: { const: "tool_result" },
    tool_use_id: { type: "string", pattern: "^[a-zA-Z0-9_-]+$" },
    content: {
      type: ["string", "array"],
      items: {
        type: "object",
        required: ["type"],
        properties: { type: { enum: ["text", "image", "document", "search_result", "tool_reference"] } },
      },
    },
    is_error: { type: "boolean" },
    cache_control: cacheControl,
  },
  ["type", "tool_use_id"],
);
const thinking = closedObject({ type: { const: "thinking" }, thinking: text, signature: text }, ["type", "thinking", "signature"]);
const redactedThinking = closedObject({ type: { const: "redacted_thinking" }, data: text }, ["type", "data"]);

const content = (...blocks: object[]) => ({ type: ["string", "array"], minLength: 1, minItems: 1, items: oneOfType(...blocks) });
const message = {
  type: "object",
  discriminator: { propertyName: "role" },
  required: ["role"],
  oneOf: [
    closedObject({ role: { const: "user" }, content: content(textBlock, image, document, toolResult) }, ["role", "content"]),
    closedObject({ role: { const: "assistant" }, content: content(textBlock, toolUse, thinking, redactedThinking) }, ["role", "content"]),
    // In the middle of a conversation, with newer models.
    closedObject({ role: { const: "system" }, content: content(textBlock) }, ["role", "content"]),
  ],
};

const display = { enum: ["summarized", "omitted", "full", null] };
const thinkingConfig = oneOfType(
  closedObject({ type: { const: "enabled" }, budget_tokens: { type: "integer", minimum: 1024 }, display }, ["type", "budget_tokens"]),
  closedObject({ type: { const: "adaptive" }, display, block_binding: anything }, ["type"]),
  closedObject({ type: { const: "disabled" } }, ["type"]),
);

const customTool = closedObject(
  {
    type: { enum: ["custom", null] },
    name: { type: "string", pattern: "^[a-zA-Z0-9_-]{1,128}$" },
    description: text,
    input_schema: { type: "object", required: ["type"], properties: { type: { const: "object" } } },
    cache_control: cacheControl,
    strict: { type: "boolean" },
    defer_loading: { type: "boolean" },
    eager_input_streaming: { type: ["boolean", "null"] },
    allowed_callers: anything,
    input_examples: anything,
  },
  ["name", "input_schema"],
);
/** One that runs at the provider: its fields are its own. */
const serverTool = {
  type: "object",
  required: ["type", "name"],
  properties: { type: { type: "string", pattern: "_\\d{8}$" }, name: text },
};

export const anthropicSchema = closedObject(
  {
    model: { type: "string", minLength: 1 },
    max_tokens: { type: "integer", minimum: 1 },
    messages: { type: "array", minItems: 1, items: message },
    system: { type: ["string", "array"], items: textBlock },
    tools: { type: "array", items: { type: "object", anyOf: [customTool, serverTool] } },
    tool_choice: { type: "object" },
    thinking: thinkingConfig,
    output_config: closedObject(
      { effort: { enum: ["low", "medium", "high", "xhigh", "max", null] }, format: anything, task_budget: anything },
      [],
    ),
    stream: { type: "boolean" },
    stop_sequences: { type: "array", items: text },
    temperature: { type: "number", minimum: 0, maximum: 1 },
    top_k: { type: "integer" },
    top_p: { type: "number" },
    metadata: { type: "object" },
    service_tier: text,
    cache_control: cacheControl,
    container: anything,
    context_management: anything,
    diagnostics: anything,
    fallbacks: anything,
    inference_geo: anything,
    mcp_servers: anything,
    output_format: anything,
    speed: anything,
  },
  ["model", "max_tokens", "messages"],
);
