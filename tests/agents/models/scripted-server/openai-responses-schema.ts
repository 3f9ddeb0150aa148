import { closedObject } from "./wire-protocol.js";

/** The request of the Responses API (https://developers.openai.com/api/docs/api-reference/responses/create), as far as agents use it. */
const text = { type: "string" };
const anything = {};
const status = { enum: ["in_progress", "completed", "incomplete"] };
const content = {
  type: ["string", "array"],
  items: {
    type: "object",
    required: ["type"],
    properties: { type: { enum: ["input_text", "input_image", "input_file", "output_text", "refusal"] } },
  },
};
const message = closedObject(
  {
    type: { const: "message" },
    role: { enum: ["user", "assistant", "system", "developer"] },
    content,
    phase: { enum: ["commentary", "final_answer", null] },
    id: text,
    status,
  },
  ["role", "content"],
);
const call = closedObject(
  {
    type: { const: "function_call" },
    call_id: { type: "string", minLength: 1 },
    name: { type: "string", pattern: "^[a-zA-Z0-9_-]{1,128}$" },
    arguments: text,
    id: text,
    status,
    namespace: text,
  },
  ["type", "call_id", "name", "arguments"],
);
const callOutput = closedObject(
  {
    type: { const: "function_call_output" },
    call_id: { type: "string", minLength: 1 },
    output: { type: ["string", "array"], items: { type: "object", required: ["type"] } },
    id: text,
    status,
  },
  ["type", "call_id", "output"],
);
const reasoning = closedObject(
  {
    type: { const: "reasoning" },
    id: text,
    summary: { type: "array", items: closedObject({ type: { const: "summary_text" }, text }, ["type", "text"]) },
    content: { type: ["array", "null"], items: { type: "object" } },
    encrypted_content: { type: ["string", "null"] },
  },
  ["type", "summary"],
);
/** Items of tools that Forge does not give; other agents' may. */
const otherItem = {
  type: "object",
  required: ["type"],
  properties: {
    type: {
      type: "string",
      pattern: "^(custom_tool_call|local_shell_call|shell_call|web_search_call|compaction|item_reference|additional_tools)",
    },
  },
};
const functionTool = closedObject(
  {
    type: { const: "function" },
    name: { type: "string", pattern: "^[a-zA-Z0-9_-]{1,128}$" },
    description: { type: ["string", "null"] },
    parameters: { type: ["object", "null"] },
    strict: { type: ["boolean", "null"] },
    defer_loading: { type: "boolean" },
    output_schema: anything,
  },
  ["type", "name", "parameters", "strict"],
);
const otherTool = { type: "object", required: ["type"], properties: { type: { type: "string", not: { const: "function" } } } };

export const responsesSchema = closedObject(
  {
    model: { type: "string", minLength: 1 },
    input: {
      type: ["string", "array"],
      minLength: 1,
      minItems: 1,
      items: { type: "object", anyOf: [message, call, callOutput, reasoning, otherItem] },
    },
    instructions: { type: ["string", "null"] },
    tools: { type: "array", items: { type: "object", anyOf: [functionTool, otherTool] } },
    tool_choice: anything,
    parallel_tool_calls: { type: ["boolean", "null"] },
    max_output_tokens: { type: ["integer", "null"], minimum: 16 },
    stream: { type: ["boolean", "null"] },
    stream_options: anything,
    store: { type: ["boolean", "null"] },
    include: { type: ["array", "null"], items: text },
    reasoning: {
      ...closedObject(
        {
          effort: { enum: ["none", "minimal", "low", "medium", "high", "xhigh", "max", null] },
          summary: anything,
          generate_summary: anything,
          context: anything,
        },
        [],
      ),
      nullable: true,
    },
    text: anything,
    temperature: { type: ["number", "null"] },
    top_p: { type: ["number", "null"] },
    metadata: anything,
    client_metadata: anything,
    previous_response_id: { type: "null" },
    prompt_cache_key: anything,
    prompt_cache_retention: anything,
    safety_identifier: anything,
    service_tier: anything,
    truncation: { enum: ["auto", "disabled", null] },
    user: text,
  },
  ["model", "input"],
);
