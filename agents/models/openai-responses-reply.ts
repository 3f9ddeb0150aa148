import { type Kept, type KeptOrder, withoutCalls } from "./kept-order.js";
import type { ModelReply, TokenUsage, ToolCall, Turn } from "./model.js";
import { type FailureContext, modelErrorFrom } from "./model-failure.js";
import type { FinishedResponse, ReasoningItem, ResponseEvent } from "./openai-client.js";
import { withOwnIds } from "./sendable-turns.js";

type OutputItem = FinishedResponse["output"][number];

/** A reply of the Responses API as it comes in: its items are taken when they are done, its end when the response is. */
export class ResponsesReply {
  private readonly items: OutputItem[] = [];
  private response: FinishedResponse | null = null;

  constructor(private readonly context: FailureContext) {}

  get finished(): boolean {
    return this.response !== null;
  }

  /** @returns the text that the event adds */
  accept(event: ResponseEvent): string | null {
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        return event.delta;
      case "response.output_item.done":
        this.items[event.output_index] = event.item;
        return null;
      case "response.completed":
      case "response.incomplete":
        this.response = event.response;
        return null;
      case "response.failed":
        throw this.failure(event.response.error);
      case "error":
        throw this.failure(event);
      default:
        return null;
    }
  }

  private failure(body: unknown): Error {
    return modelErrorFrom({ status: null, headers: null, body, message: "the provider gave no reason" }, this.context);
  }

  build(model: string, turns: Turn[]): ModelReply {
    const order: KeptOrder<ReasoningItem> = [];
    const calls: ToolCall[] = [];
    let text = "";
    let refused = this.response?.incomplete_details?.reason === "content_filter";
    // Some servers list their items only at the end.
    const items = this.items.length > 0 ? this.items : (this.response?.output ?? []);
    for (const item of items.filter((item) => item !== undefined)) {
      if (item.type === "reasoning") order.push({ part: sendableReasoning(item) });
      else if (item.type === "function_call") {
        calls.push({ id: item.call_id ?? "", name: item.name, argumentsText: item.arguments });
        order.push({ call: true });
      } else if (item.type === "message") {
        const said = item.content.map((part) => (part.type === "refusal" ? part.refusal : part.text)).join("");
        refused ||= item.content.some((part) => part.type === "refusal");
        text += said;
        order.push(item.phase ? { textLength: said.length, phase: item.phase } : { textLength: said.length });
      }
    }
    const cut = this.response?.status === "incomplete" ? "length" : null;
    const stop = refused ? "refused" : (cut ?? (calls.length > 0 ? "calls" : "finished"));
    // Calls of an answer that was cut or refused are not to be run.
    const keptOrder = stop === "calls" ? order : withoutCalls(order);
    const opaque: Kept<ReasoningItem> = { provider: "openai-responses", model, order: keptOrder };
    const matters = keptOrder.some((entry) => "part" in entry || "phase" in entry);
    return {
      text,
      calls: stop === "calls" ? withOwnIds(calls, turns) : [],
      stop,
      usage: tokensOf(this.response?.usage),
      ...(matters ? { opaque } : {}),
    };
  }
}

/** What the API takes back of its own item: its `status` it does not. */
function sendableReasoning({ id, summary, encrypted_content, content }: ReasoningItem): ReasoningItem {
  return {
    type: "reasoning",
    id,
    summary,
    ...(encrypted_content === undefined ? {} : { encrypted_content }),
    ...(Array.isArray(content) && content.length > 0 ? { content } : {}),
  };
}

function tokensOf(usage: FinishedResponse["usage"]): TokenUsage {
  const cacheRead = usage?.input_tokens_details?.cached_tokens ?? 0;
  const cacheWrite = usage?.input_tokens_details?.cache_write_tokens ?? 0;
  return {
    input: Math.max(0, (usage?.input_tokens ?? 0) - cacheRead - cacheWrite),
    output: usage?.output_tokens ?? 0,
    cacheRead,
    cacheWrite,
  };
}
