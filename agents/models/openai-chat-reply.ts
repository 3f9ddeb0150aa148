import type { ModelReply, TokenUsage, ToolCall, Turn } from "./model.js";
import type { ChatChunk } from "./openai-client.js";
import { withOwnIds } from "./sendable-turns.js";

type CallPiece = NonNullable<ChatChunk["choices"][number]["delta"]["tool_calls"]>[number];

/** A reply of Chat Completions as it comes in; servers other than OpenAI's leave out much of what the API promises. */
export class ChatReply {
  private text = "";
  private refusal = "";
  private finishReason: string | null = null;
  private readonly calls: ToolCall[] = [];
  /** Where in `calls` a call with the server's own index is. */
  private readonly places = new Map<number, number>();
  private usage: TokenUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

  get finished(): boolean {
    return this.finishReason !== null;
  }

  /** @returns the text that the chunk adds */
  accept(chunk: ChatChunk): string | null {
    if (typeof chunk !== "object" || chunk === null) throw new Error("a chunk that is no object");
    if (chunk.usage) this.usage = tokensOf(chunk.usage);
    const choice = chunk.choices?.[0];
    if (choice === undefined) return null;
    const delta: Partial<typeof choice.delta> = choice.delta ?? {};
    for (const piece of delta.tool_calls ?? []) this.acceptCall(piece);
    if (choice.finish_reason) this.finishReason = choice.finish_reason;
    this.refusal += delta.refusal ?? "";
    const text = delta.content ?? "";
    this.text += text;
    return text;
  }

  private acceptCall(piece: Partial<CallPiece>): void {
    // Without an index, a name or an id begins a call, and anything else continues the last.
    const index = piece.index ?? this.calls.length - (piece.id || piece.function?.name ? 0 : 1);
    let place = this.places.get(index);
    const known = place === undefined ? undefined : this.calls[place];
    // Some servers give every call the index 0: another id begins another call.
    if (known === undefined || (piece.id && known.id !== "" && piece.id !== known.id && piece.function?.name)) {
      place = this.calls.push({ id: "", name: "", argumentsText: "" }) - 1;
      this.places.set(index, place);
    }
    const call = this.calls[place!]!;
    if (piece.id) call.id = piece.id;
    call.name += piece.function?.name ?? "";
    const given: unknown = piece.function?.arguments;
    // Older servers send the arguments as an object instead of its text.
    call.argumentsText += typeof given === "object" && given !== null ? JSON.stringify(given) : String(given ?? "");
  }

  build(turns: Turn[]): ModelReply {
    const stop = this.stop();
    const calls = stop === "calls" ? withOwnIds(this.calls, turns) : [];
    return { text: this.text || this.refusal, calls, stop, usage: this.usage };
  }

  /** Calls of an answer that was cut or refused are not to be run. Some servers say "stop" where there are calls. */
  private stop(): ModelReply["stop"] {
    if (this.finishReason === "content_filter" || this.refusal !== "") return "refused";
    if (this.finishReason === "length") return "length";
    return this.calls.length > 0 ? "calls" : "finished";
  }
}

/** Zeros where the server counts nothing. */
function tokensOf(usage: NonNullable<ChatChunk["usage"]>): TokenUsage {
  const cacheRead = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const cacheWrite = usage.prompt_tokens_details?.cache_write_tokens ?? 0;
  return {
    input: Math.max(0, (usage.prompt_tokens ?? 0) - cacheRead - cacheWrite),
    output: usage.completion_tokens ?? 0,
    cacheRead,
    cacheWrite,
  };
}
