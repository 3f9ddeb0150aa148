import type { ToolCall, Turn } from "./model.js";

/** Providers refuse half a surrogate pair, which a text cut by length may end in. */
export function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

/**
 * The turns as every provider takes them: none in which the assistant said nothing, no user turn empty or right behind
 * another. That each call has its answer is the caller's to see to.
 */
export function sendableTurns(turns: Turn[]): Turn[] {
  const sendable: Turn[] = [];
  for (const turn of turns) {
    if (turn.role === "assistant" && turn.text.trim() === "" && turn.calls.length === 0) continue;
    const last = sendable.at(-1);
    if (turn.role !== "user") sendable.push(turn);
    else if (last?.role === "user") sendable[sendable.length - 1] = { role: "user", text: `${last.text}\n\n${turn.text}` };
    else sendable.push(turn.text.trim() === "" ? { role: "user", text: "(empty)" } : turn);
  }
  return sendable;
}

/** A model may invent a name that its own provider does not take back. */
export function sendableName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || "unknown";
}

/** The arguments as an object; what the model wrote that is none is kept as text, since providers refuse it. */
export function argumentsObject(argumentsText: string): Record<string, unknown> {
  const text = wellFormed(argumentsText);
  if (text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  } catch {
    // Malformed: told apart from an object below.
  }
  return { malformed_arguments: text };
}

/** The same as JSON text, unchanged where it is an object. */
export function argumentsJson(argumentsText: string): string {
  const parsed = argumentsObject(argumentsText);
  return Object.hasOwn(parsed, "malformed_arguments") || argumentsText.trim() === "" ? JSON.stringify(parsed) : wellFormed(argumentsText);
}

/** Gives a call an id where the server gave none, and a new one where it is taken: providers refuse a conversation with two alike. */
export function withOwnIds(calls: ToolCall[], turns: Turn[]): ToolCall[] {
  const taken = new Set(turns.flatMap((turn) => (turn.role === "assistant" ? turn.calls.map((call) => call.id) : [])));
  return calls.map((call, index) => {
    let id = call.id;
    for (let attempt = 0; id === "" || taken.has(id); attempt++) id = `call_${turns.length}_${index}${attempt === 0 ? "" : `_${attempt}`}`;
    taken.add(id);
    return { ...call, id };
  });
}
