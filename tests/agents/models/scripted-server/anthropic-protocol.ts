import { type AnthropicBody, anthropicRuleProblem, type Block, blocksOf, prefixOf } from "./anthropic-rules.js";
import { anthropicSchema } from "./anthropic-schema.js";
import { argumentsTextOf, type ConversationEntry, piecesOf, type ScriptedReply } from "./script.js";
import { type AnswerContext, compileSchema, type StreamEvent, schemaProblem, type WireProtocol } from "./wire-protocol.js";

const validate = compileSchema(anthropicSchema);
const errorTypes: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

export const anthropicProtocol: WireProtocol = {
  name: "anthropic",
  path: /^\/v1\/messages$/,
  problemWith: (body, issued, options) => schemaProblem(validate, body) ?? anthropicRuleProblem(body as AnthropicBody, issued, options),
  decode(given) {
    const body = given as AnthropicBody;
    return {
      model: body.model,
      system: textOf(blocksOf(body.system ?? [])),
      toolNames: (body.tools ?? []).map(({ name }) => name),
      streams: body.stream === true,
      conversation: body.messages.flatMap(({ role, content }) => (role === "system" ? [] : entriesOf(role, blocksOf(content)))),
    };
  },
  answer,
  errorBody(status, code, message) {
    const type = errorTypes[status] ?? "api_error";
    const details = code === undefined || code === type ? {} : { details: { error_code: code } };
    return { type: "error", error: { type, message, ...details }, request_id: "req_scripted" };
  },
  streamError: (code, message) => ({ event: "error", data: { type: "error", error: { type: code, message } } }),
};

function textOf(blocks: Block[]): string {
  return blocks.flatMap(({ type, text }) => (type === "text" ? [text!] : [])).join("\n");
}

function entriesOf(role: "user" | "assistant", blocks: Block[]): ConversationEntry[] {
  if (role === "assistant") {
    const calls = blocks.flatMap(({ type, id, name, input }) => (type === "tool_use" ? [{ id: id!, name: name!, arguments: input }] : []));
    return [{ role, text: textOf(blocks), calls }];
  }
  const answers = blocks.flatMap(({ type, tool_use_id, content, is_error }) =>
    type === "tool_result"
      ? [{ id: tool_use_id!, text: textOf(blocksOf((content as string | Block[]) ?? "")), isError: is_error === true }]
      : [],
  );
  const text = textOf(blocks);
  return [
    ...(answers.length > 0 ? [{ role: "tools" as const, answers }] : []),
    ...(text !== "" || answers.length === 0 ? [{ role: "user" as const, text }] : []),
  ];
}

function answer(reply: ScriptedReply, { body: given, number, issued }: AnswerContext): { events: StreamEvent[]; whole: unknown } {
  const body = given as AnthropicBody;
  const { input, output, cacheRead, cacheWrite } = reply.usage ?? { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 };
  const usage = { input_tokens: input, cache_read_input_tokens: cacheRead, cache_creation_input_tokens: cacheWrite };
  const ownStop = reply.calls?.length ? "tool_use" : "end_turn";
  const stopReason = reply.stop === undefined ? ownStop : { length: "max_tokens", refused: "refusal" }[reply.stop];
  const head = { id: `msg_${number}`, type: "message", role: "assistant", model: body.model };
  const events: StreamEvent[] = [];
  const send = (type: string, fields: object, isFinal = false) => events.push({ event: type, data: { type, ...fields }, isFinal });

  const blocks = contentOf(reply, body, number, issued);
  send("message_start", {
    message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } },
  });
  send("ping", {});
  for (const [index, { whole, start, deltas }] of blocks.entries()) {
    send("content_block_start", { index, content_block: { ...whole, ...start } });
    for (const delta of deltas) send("content_block_delta", { index, delta });
    send("content_block_stop", { index });
  }
  send("message_delta", { delta: { stop_reason: stopReason, stop_sequence: null }, usage: { output_tokens: output } });
  send("message_stop", {}, true);
  const content = blocks.map(({ whole }) => whole);
  const whole = { ...head, content, stop_reason: stopReason, stop_sequence: null, usage: { ...usage, output_tokens: output } };
  return { events, whole };
}

interface AnsweredBlock {
  whole: object;
  /** The fields that a stream begins empty. */
  start: object;
  deltas: object[];
}

function contentOf(reply: ScriptedReply, body: AnthropicBody, number: number, issued: AnswerContext["issued"]): AnsweredBlock[] {
  const prefix = prefixOf(body, body.messages.length);
  const blocks: AnsweredBlock[] = [];
  if (reply.thinking !== undefined) {
    const signature = `signature+${number}/${Buffer.from(reply.thinking).toString("base64")}`;
    issued.set(signature, { content: reply.thinking, prefix });
    const deltas: object[] = piecesOf(reply.thinking).map((thinking) => ({ type: "thinking_delta", thinking }));
    deltas.push({ type: "signature_delta", signature });
    blocks.push({ whole: { type: "thinking", thinking: reply.thinking, signature }, start: { thinking: "", signature: "" }, deltas });
  }
  if (reply.redactedThinking !== undefined) {
    issued.set(reply.redactedThinking, { content: reply.redactedThinking, prefix });
    blocks.push({ whole: { type: "redacted_thinking", data: reply.redactedThinking }, start: {}, deltas: [] });
  }
  if (reply.text !== undefined) {
    const deltas = piecesOf(reply.text).map((text) => ({ type: "text_delta", text }));
    blocks.push({ whole: { type: "text", text: reply.text }, start: { text: "" }, deltas });
  }
  for (const [index, call] of (reply.calls ?? []).entries()) {
    const text = argumentsTextOf(call);
    const deltas = ["", ...piecesOf(text)].map((partial_json) => ({ type: "input_json_delta", partial_json }));
    const whole = { type: "tool_use", id: call.id ?? `toolu_${number}_${index}`, name: call.name, input: call.arguments ?? {} };
    blocks.push({ whole, start: { input: {} }, deltas });
  }
  return blocks;
}
