import { chatSchema } from "./openai-chat-schema.js";
import { openAiErrorBody } from "./openai-error.js";
import { argumentsTextOf, type ConversationEntry, piecesOf, type ScriptedReply } from "./script.js";
import { type AnswerContext, compileSchema, type StreamEvent, schemaProblem, type WireProtocol } from "./wire-protocol.js";

const validate = compileSchema(chatSchema);

interface ChatMessage {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content?: string | { text?: string }[] | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

interface ChatBody {
  model: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages: ChatMessage[];
  tools?: { function: { name: string } }[];
}

export const openAiChatProtocol: WireProtocol = {
  name: "openai-chat",
  path: /^\/v1\/chat\/completions$/,
  problemWith: (body) => schemaProblem(validate, body) ?? ruleProblem(body as ChatBody),
  decode(given) {
    const body = given as ChatBody;
    const isSystem = ({ role }: ChatMessage) => role === "system" || role === "developer";
    return {
      model: body.model,
      system: body.messages.filter(isSystem).map(textOf).join("\n"),
      toolNames: (body.tools ?? []).map((tool) => tool.function.name),
      streams: body.stream === true,
      conversation: entriesOf(body.messages.filter((message) => !isSystem(message))),
    };
  },
  answer,
  errorBody: openAiErrorBody,
  streamError: (code, message) => ({ data: { error: { message, type: "server_error", param: null, code } } }),
};

/** The rules that no schema can state: every call is answered right behind it, and every answer has its call. */
function ruleProblem({ messages }: ChatBody): string | null {
  let open = new Set<string>();
  for (const [index, { role, tool_calls, tool_call_id }] of messages.entries()) {
    if (role === "tool") {
      if (!open.delete(tool_call_id!))
        return `Invalid parameter: messages.${index} with role 'tool' must be a response to a preceding message with 'tool_calls'.`;
      continue;
    }
    if (open.size > 0) return unanswered(open);
    const ids = (tool_calls ?? []).map(({ id }) => id);
    open = new Set(ids);
    if (open.size < ids.length) return `messages.${index}: tool call ids must be unique`;
  }
  return open.size > 0 ? unanswered(open) : null;
}

function unanswered(ids: Set<string>): string {
  return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id': ${[...ids].join(", ")}`;
}

function textOf({ content }: ChatMessage): string {
  return typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("\n");
}

function entriesOf(messages: ChatMessage[]): ConversationEntry[] {
  const entries: ConversationEntry[] = [];
  for (const message of messages) {
    const text = textOf(message);
    const last = entries.at(-1);
    if (message.role === "tool") {
      const answer = { id: message.tool_call_id!, text, isError: false };
      if (last?.role === "tools") last.answers.push(answer);
      else entries.push({ role: "tools", answers: [answer] });
    } else if (message.role === "assistant") {
      const calls = (message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: call.function.name,
        // Servers that fill a chat template with them do the same.
        arguments: JSON.parse(call.function.arguments) as unknown,
      }));
      entries.push({ role: "assistant", text, calls });
    } else entries.push({ role: "user", text });
  }
  return entries;
}

function answer(reply: ScriptedReply, { body: given, number }: AnswerContext): { events: StreamEvent[]; whole: unknown } {
  const body = given as ChatBody;
  const quirks = reply.quirks ?? {};
  const head = { id: `chatcmpl-${number}`, created: 1_700_000_000, model: body.model };
  const calls = reply.calls ?? [];
  const normalFinish = calls.length > 0 && !quirks.stopForCalls ? "tool_calls" : "stop";
  const finishReason = reply.stop === undefined ? normalFinish : { length: "length", refused: "content_filter" }[reply.stop];
  const { input, output, cacheRead, cacheWrite } = reply.usage ?? { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 };
  const prompt = input + cacheRead + cacheWrite;
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
  };
  const wholeCalls = calls.map((call, index) => ({
    ...(quirks.omitIndex ? {} : { index: quirks.sameIndex ? 0 : index }),
    ...(quirks.omitCallIds ? {} : { id: call.id ?? `call_${number}_${index}` }),
    type: "function",
    function: { name: call.name, arguments: argumentsTextOf(call) },
  }));

  const events: StreamEvent[] = [];
  const send = (delta: object, finish: string | null = null) =>
    events.push({
      data: { ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }], usage: null },
      isFinal: finish !== null,
    });
  send({ role: "assistant", content: "" });
  for (const reasoning_content of piecesOf(reply.thinking ?? "")) send({ reasoning_content });
  for (const content of piecesOf(reply.text ?? "")) send({ content });
  for (const call of wholeCalls) {
    const pieces = quirks.wholeArguments ? [] : piecesOf(call.function.arguments);
    const first = quirks.wholeArguments ? call.function.arguments : "";
    send({ tool_calls: [{ ...call, function: { name: call.function.name, arguments: first } }] });
    for (const piece of pieces)
      send({ tool_calls: [{ ...("index" in call ? { index: call.index } : {}), function: { arguments: piece } }] });
  }
  send({}, finishReason);
  const wantsUsage = body.stream_options?.include_usage === true && !quirks.omitUsage;
  if (wantsUsage) events.push({ data: { ...head, object: "chat.completion.chunk", choices: [], usage } });
  const message = { role: "assistant", content: reply.text ?? null, ...(wholeCalls.length > 0 ? { tool_calls: wholeCalls } : {}) };
  const whole = { ...head, object: "chat.completion", choices: [{ index: 0, message, finish_reason: finishReason }], usage };
  return { events, whole };
}
