import type { MessageEvent, ThinkingPart } from "./anthropic-client.js";
import { type Kept, type KeptOrder, withoutCalls } from "./kept-order.js";
import type { ModelReply, TokenUsage, ToolCall, Turn } from "./model.js";
import { withOwnIds } from "./sendable-turns.js";

type Block = ThinkingPart | { type: "text"; text: string } | ({ type: "call" } & ToolCall) | { type: "other" };

/** A reply of the Messages API as it comes in, event by event. */
export class AnthropicReply {
  private readonly blocks: Block[] = [];
  private stopReason: string | null = null;
  private usage: TokenUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  finished = false;

  /** @returns the text that the event adds */
  accept(event: MessageEvent): string | null {
    switch (event.type) {
      case "message_start":
        this.countTokens(event.message.usage);
        return null;
      case "content_block_start":
        this.blocks[event.index] = blockOf(event.content_block);
        return event.content_block.type === "text" ? event.content_block.text : null;
      case "content_block_delta":
        return this.extend(event.index, event.delta);
      case "message_delta":
        this.stopReason = event.delta.stop_reason;
        this.countTokens(event.usage);
        return null;
      case "message_stop":
        this.finished = true;
        return null;
      default:
        return null;
    }
  }

  private extend(index: number, delta: Extract<MessageEvent, { type: "content_block_delta" }>["delta"]): string | null {
    const block = this.blocks[index];
    if (block === undefined) throw new Error("a piece of a block that was not begun");
    if (delta.type === "text_delta" && block.type === "text") block.text += delta.text;
    else if (delta.type === "input_json_delta" && block.type === "call") block.argumentsText += delta.partial_json;
    else if (delta.type === "thinking_delta" && block.type === "thinking") block.thinking += delta.thinking;
    else if (delta.type === "signature_delta" && block.type === "thinking") block.signature += delta.signature;
    return delta.type === "text_delta" ? delta.text : null;
  }

  /** The later event has the sums so far, or nothing. */
  private countTokens(usage: {
    input_tokens?: number | null;
    output_tokens?: number | null;
    cache_read_input_tokens?: number | null;
    cache_creation_input_tokens?: number | null;
  }): void {
    this.usage = {
      input: usage.input_tokens ?? this.usage.input,
      output: usage.output_tokens ?? this.usage.output,
      cacheRead: usage.cache_read_input_tokens ?? this.usage.cacheRead,
      cacheWrite: usage.cache_creation_input_tokens ?? this.usage.cacheWrite,
    };
  }

  /** The whole reply. `prefix` is the digest of the request that it answers. */
  build(model: string, prefix: string, turns: Turn[]): ModelReply {
    const blocks = this.blocks.filter((block) => block !== undefined);
    const text = blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
    const calls = blocks.flatMap((block) => (block.type === "call" ? [block] : []));
    const stop = this.stop(calls.length);
    const order: KeptOrder<ThinkingPart> = blocks.flatMap((block): KeptOrder<ThinkingPart> => {
      if (block.type === "text") return [{ textLength: block.text.length }];
      if (block.type === "call") return [{ call: true }];
      return block.type === "other" ? [] : [{ part: block }];
    });
    const keptOrder = stop === "calls" ? order : withoutCalls(order);
    const opaque: Kept<ThinkingPart> = { provider: "anthropic", model, prefix, order: keptOrder };
    return {
      text,
      calls:
        stop === "calls"
          ? withOwnIds(
              calls.map(({ id, name, argumentsText }) => ({ id, name, argumentsText })),
              turns,
            )
          : [],
      stop,
      usage: this.usage,
      ...(keptOrder.some((entry) => "part" in entry) ? { opaque } : {}),
    };
  }

  /** Calls of an answer that was cut or refused are not to be run. */
  private stop(calls: number): ModelReply["stop"] {
    if (this.stopReason === "refusal") return "refused";
    if (this.stopReason === "max_tokens" || this.stopReason === "model_context_window_exceeded") return "length";
    return calls > 0 ? "calls" : "finished";
  }
}

function blockOf(block: Extract<MessageEvent, { type: "content_block_start" }>["content_block"]): Block {
  switch (block.type) {
    case "text":
      return { type: "text", text: block.text };
    case "tool_use":
      return { type: "call", id: block.id, name: block.name, argumentsText: "" };
    case "thinking":
      return { type: "thinking", thinking: block.thinking, signature: block.signature };
    case "redacted_thinking":
      return { type: "redacted_thinking", data: block.data };
    default:
      return { type: "other" };
  }
}
