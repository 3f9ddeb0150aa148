import { createHash } from "node:crypto";
import type { AdapterOptions } from "./adapter-options.js";
import type { ContentBlock, Message, MessageRequest, ThinkingPart } from "./anthropic-client.js";
import { keptIn, piecesOf } from "./kept-order.js";
import type { ModelRequest, Turn } from "./model.js";
import { argumentsObject, sendableName, sendableTurns, wellFormed } from "./sendable-turns.js";

export interface AnthropicOptions extends AdapterOptions {
  /** A fixed budget for thinking, on top of the answer; for the models before adaptive thinking, which refuse `effort`. */
  thinkingTokens: number | undefined;
}

/** The request for the Messages API, and the digest of what it says, which signed thinking is tied to. */
export function messageRequest(request: ModelRequest, options: AnthropicOptions): { body: MessageRequest; prefix: string } {
  const tools: NonNullable<MessageRequest["tools"]> = request.tools.map(({ name, description, parameters }) => ({
    name,
    description,
    input_schema: { ...parameters, type: "object" },
  }));
  const system = wellFormed(request.system);
  const { messages, prefix } = messagesOf(request.turns, JSON.stringify([options.model, system, tools]), options);
  const budget = thinkingBudget(messages, options);
  const lastTool = tools.at(-1);
  if (lastTool !== undefined) lastTool.cache_control = { type: "ephemeral" };
  const body: MessageRequest = {
    model: options.model,
    max_tokens: request.maximumOutputTokens + (budget ?? 0),
    stream: true,
    ...(system.trim() === "" ? {} : { system: [{ type: "text", text: system, cache_control: { type: "ephemeral" } }] }),
    ...(tools.length === 0 ? {} : { tools }),
    messages: withCachedEnd(messages),
    ...(budget === null ? {} : { thinking: { type: "enabled", budget_tokens: budget } }),
    ...(options.effort === undefined ? {} : { thinking: { type: "adaptive" }, output_config: { effort: options.effort } }),
  };
  return { body, prefix };
}

/**
 * Newer models refuse thinking once anything before it has changed, as compacting does: it is then left out. With a fixed
 * budget it is the other way round: not checked, but missed.
 */
function messagesOf(turns: Turn[], head: string, options: AnthropicOptions): { messages: Message[]; prefix: string } {
  const digest = createHash("sha256").update(head);
  const messages: Message[] = [];
  let digested = 0;
  const prefix = (): string => {
    for (; digested < messages.length; digested++) digest.update(JSON.stringify(messages[digested]));
    return digest.copy().digest("hex");
  };
  for (const turn of sendableTurns(turns)) {
    if (turn.role === "assistant") {
      const kept = keptIn<ThinkingPart>(turn, "anthropic", options.model);
      const readable = kept !== null && (options.thinkingTokens !== undefined || kept.prefix === prefix());
      messages.push({ role: "assistant", content: assistantBlocks(turn, readable ? kept.order : null) });
    } else {
      const blocks = userBlocks(turn);
      const last = messages.at(-1);
      // A user's text right behind tool answers belongs to the same message.
      if (last?.role === "user" && Array.isArray(last.content)) last.content.push(...blocks);
      else messages.push({ role: "user", content: blocks });
    }
  }
  return { messages, prefix: prefix() };
}

function assistantBlocks(turn: Extract<Turn, { role: "assistant" }>, order: Parameters<typeof piecesOf<ThinkingPart>>[1]): ContentBlock[] {
  return piecesOf(turn, order).flatMap((piece): ContentBlock[] => {
    if ("part" in piece) return [piece.part];
    if ("text" in piece) return piece.text.trim() === "" ? [] : [{ type: "text", text: wellFormed(piece.text) }];
    const { id, name, argumentsText } = piece.call;
    return [{ type: "tool_use", id, name: sendableName(name), input: argumentsObject(argumentsText) }];
  });
}

function userBlocks(turn: Exclude<Turn, { role: "assistant" }>): ContentBlock[] {
  if (turn.role === "user") return [{ type: "text", text: wellFormed(turn.text) }];
  return turn.answers.map(({ id, text, isError }) => ({
    type: "tool_result",
    tool_use_id: id,
    content: wellFormed(text),
    ...(isError ? { is_error: true } : {}),
  }));
}

/** A fixed budget is refused in the middle of a tool loop whose first reply has no thinking to send back. */
function thinkingBudget(messages: Message[], { thinkingTokens }: AnthropicOptions): number | null {
  if (thinkingTokens === undefined) return null;
  const typesOf = (message: Message | undefined) => (Array.isArray(message?.content) ? message.content.map(({ type }) => type) : []);
  const inLoop = typesOf(messages.at(-1)).includes("tool_result");
  return inLoop && !/thinking$/.test(typesOf(messages.at(-2))[0] ?? "") ? null : thinkingTokens;
}

/** The next request begins with all of this one, so its end is where the cache should reach. */
function withCachedEnd(messages: Message[]): Message[] {
  const last = messages.at(-1);
  if (last?.role !== "user" || !Array.isArray(last.content)) return messages;
  const blocks = last.content.map((block, index) =>
    index === last.content.length - 1 ? ({ ...block, cache_control: { type: "ephemeral" } } as ContentBlock) : block,
  );
  return [...messages.slice(0, -1), { role: "user", content: blocks }];
}
