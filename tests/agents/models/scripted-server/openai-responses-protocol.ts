import { openAiErrorBody } from "./openai-error.js";
import { itemsOf, type ResponsesBody, type ResponsesItem, responsesRuleProblem } from "./openai-responses-rules.js";
import { responsesSchema } from "./openai-responses-schema.js";
import { argumentsTextOf, type ConversationEntry, piecesOf, type ScriptedReply } from "./script.js";
import { type AnswerContext, compileSchema, type StreamEvent, schemaProblem, type WireProtocol } from "./wire-protocol.js";

const validate = compileSchema(responsesSchema);

export const openAiResponsesProtocol: WireProtocol = {
  name: "openai-responses",
  path: /^\/v1\/responses$/,
  problemWith: (body, issued) => schemaProblem(validate, body) ?? responsesRuleProblem(body as ResponsesBody, issued),
  decode(given) {
    const body = given as ResponsesBody;
    const items = itemsOf(body);
    const isSystem = ({ role }: ResponsesItem) => role === "system" || role === "developer";
    return {
      model: body.model,
      system: [body.instructions ?? "", ...items.filter(isSystem).map(({ content }) => textOf(content))]
        .filter((text) => text !== "")
        .join("\n"),
      toolNames: (body.tools ?? []).map(({ name, type }) => name ?? type),
      streams: body.stream === true,
      conversation: entriesOf(items.filter((item) => !isSystem(item))),
    };
  },
  answer,
  errorBody: openAiErrorBody,
  streamError(code, message, how) {
    const type = how === "failed" ? "response.failed" : "error";
    const said =
      how === "failed" ? { response: { status: "failed", error: { code, message }, output: [] } } : { code, message, param: null };
    return { event: type, data: { type, sequence_number: 99, ...said } };
  },
};

function textOf(content: string | { text?: string }[] | undefined): string {
  return typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("\n");
}

/** The API takes any text. */
function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Items that follow each other make up one entry, as the other protocols have it. */
function entriesOf(items: ResponsesItem[]): ConversationEntry[] {
  const entries: ConversationEntry[] = [];
  const assistant = () => {
    const last = entries.at(-1);
    if (last?.role === "assistant") return last;
    const entry = { role: "assistant" as const, text: "", calls: [] as { id: string; name: string; arguments: unknown }[] };
    entries.push(entry);
    return entry;
  };
  for (const item of items) {
    if (item.type === "function_call") {
      assistant().calls.push({ id: item.call_id!, name: item.name!, arguments: parsedOrText(item.arguments!) });
    } else if (item.type === "function_call_output") {
      const answer = { id: item.call_id!, text: textOf(item.output), isError: false };
      const last = entries.at(-1);
      if (last?.role === "tools") last.answers.push(answer);
      else entries.push({ role: "tools", answers: [answer] });
    } else if (item.role === "assistant") assistant().text += textOf(item.content);
    else if (item.role === "user") entries.push({ role: "user", text: textOf(item.content) });
  }
  return entries;
}

function answer(reply: ScriptedReply, { body: given, number, issued }: AnswerContext): { events: StreamEvent[]; whole: unknown } {
  const body = given as ResponsesBody;
  const events: StreamEvent[] = [];
  const send = (type: string, fields: object, isFinal = false) =>
    events.push({ event: type, data: { type, sequence_number: events.length, ...fields }, isFinal });
  const head = { id: `resp_${number}`, object: "response", created_at: 1_700_000_000, model: body.model, error: null, tools: [] };
  const { input, output, cacheRead, cacheWrite } = reply.usage ?? { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 };
  const prompt = input + cacheRead + cacheWrite;
  const usage = {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: prompt + output,
  };

  send("response.created", { response: { ...head, status: "in_progress", output: [], usage: null } });
  const items = outputOf(reply, body, number, issued);
  for (const [output_index, item] of items.entries()) {
    send("response.output_item.added", { output_index, item: { ...item.whole, ...item.start } });
    for (const { type, ...delta } of item.deltas) send(type, { item_id: item.id, output_index, content_index: 0, ...delta });
    send("response.output_item.done", { output_index, item: item.whole });
  }
  const reasons = { length: { reason: "max_output_tokens" }, refused: { reason: "content_filter" } };
  const incompleteDetails = reply.stop === undefined ? null : reasons[reply.stop];
  const whole = {
    ...head,
    status: reply.stop === undefined ? "completed" : "incomplete",
    incomplete_details: incompleteDetails,
    output: items.map((item) => item.whole),
    usage: reply.quirks?.omitUsage ? null : usage,
  };
  send(reply.stop === undefined ? "response.completed" : "response.incomplete", { response: whole }, true);
  return { events, whole };
}

interface OutputItem {
  id: string;
  whole: object;
  /** The fields that a stream begins empty. */
  start: object;
  deltas: ({ type: string } & Record<string, unknown>)[];
}

function outputOf(reply: ScriptedReply, body: ResponsesBody, number: number, issued: AnswerContext["issued"]): OutputItem[] {
  const items: OutputItem[] = [];
  if (reply.thinking !== undefined) {
    const id = `rs_${number}`;
    const encrypted = `gAAAA${Buffer.from(`${number}${reply.thinking}`).toString("base64url")}`;
    issued.set(encrypted, { content: id, prefix: "" });
    // Without having asked for it, nobody can send reasoning back that is not stored.
    const wanted = body.include?.includes("reasoning.encrypted_content") ? { encrypted_content: encrypted } : {};
    const summary = [{ type: "summary_text", text: reply.thinking }];
    items.push({ id, whole: { type: "reasoning", id, summary, status: "completed", ...wanted }, start: { summary: [] }, deltas: [] });
  }
  if (reply.text !== undefined) {
    const id = `msg_${number}`;
    const content = [{ type: "output_text", text: reply.text, annotations: [] }];
    const deltas = piecesOf(reply.text).map((delta) => ({ type: "response.output_text.delta", delta }));
    const phase = reply.calls?.length ? "commentary" : "final_answer";
    items.push({
      id,
      whole: { type: "message", id, role: "assistant", status: "completed", phase, content },
      start: { content: [] },
      deltas,
    });
  }
  for (const [index, call] of (reply.calls ?? []).entries()) {
    const id = `fc_${number}_${index}`;
    const text = argumentsTextOf(call);
    const call_id = reply.quirks?.omitCallIds ? "" : (call.id ?? `call_${number}_${index}`);
    const deltas = piecesOf(text).map((delta) => ({ type: "response.function_call_arguments.delta", delta }));
    const whole = { type: "function_call", id, call_id, name: call.name, arguments: text, status: "completed" };
    items.push({ id, whole, start: { arguments: "" }, deltas });
  }
  return items;
}
