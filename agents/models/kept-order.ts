import type { ToolCall, Turn } from "./model.js";

/** The order in which a reply came: the provider's own parts word for word, and where text and calls stood between them. */
export type KeptOrder<Part> = ({ part: Part } | { textLength: number; phase?: string } | { call: true })[];

/** What an adapter returns as `opaque`. `provider` and `model` say who can read it. */
export interface Kept<Part> {
  provider: string;
  model: string;
  /** Digest of all that was sent before the reply, where the provider ties its parts to that. */
  prefix?: string;
  order: KeptOrder<Part>;
}

export type Piece<Part> = { part: Part } | { text: string; phase?: string } | { call: ToolCall };

type AssistantTurn = Extract<Turn, { role: "assistant" }>;

/** What a turn kept of this provider and model; null where it is another's, or the turn was changed since. */
export function keptIn<Part>(turn: AssistantTurn, provider: string, model: string): Kept<Part> | null {
  const kept = turn.opaque as Partial<Kept<Part>> | null | undefined;
  if (typeof kept !== "object" || kept === null || kept.provider !== provider || kept.model !== model) return null;
  if (!Array.isArray(kept.order)) return null;
  const textLength = kept.order.reduce((sum, entry) => sum + ("textLength" in entry ? entry.textLength : 0), 0);
  const calls = kept.order.filter((entry) => "call" in entry).length;
  return textLength === turn.text.length && calls === turn.calls.length ? (kept as Kept<Part>) : null;
}

/** A turn's pieces in the order in which they came; without one, the text and then the calls. */
export function piecesOf<Part>(turn: AssistantTurn, order: KeptOrder<Part> | null): Piece<Part>[] {
  if (order === null) return [...(turn.text === "" ? [] : [{ text: turn.text }]), ...turn.calls.map((call) => ({ call }))];
  let textAt = 0;
  let callAt = 0;
  return order.map((entry): Piece<Part> => {
    if ("part" in entry) return entry;
    if ("call" in entry) return { call: turn.calls[callAt++]! };
    const text = turn.text.slice(textAt, textAt + entry.textLength);
    textAt += entry.textLength;
    return entry.phase === undefined ? { text } : { text, phase: entry.phase };
  });
}

/** The order without its calls, for a reply that was cut: they are not to be run. A part that nothing follows is not taken back. */
export function withoutCalls<Part>(order: KeptOrder<Part>): KeptOrder<Part> {
  const kept = order.filter((entry) => !("call" in entry));
  while (kept.length > 0 && "part" in kept.at(-1)!) kept.pop();
  return kept;
}
