import { describe, expect, it } from "vitest";
import { conversationOf, repeatedCalls, silentTurns } from "../../../agents/chat/conversation.js";
import type { ToolCall } from "../../../specs/contracts/conversation.js";
import type { ConversationEvent } from "../../../specs/contracts/event.js";

const call = (id: string, name = "list"): ToolCall => ({ id, name, argumentsText: "{}" });
const user = (text: string): ConversationEvent => ({ type: "agent-turned", lane: 0, turn: { role: "user", text } });
const assistant = (calls: ToolCall[] = [], text = "so"): ConversationEvent => ({
  type: "agent-turned",
  lane: 0,
  turn: { role: "assistant", text, calls },
  usage: { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 },
});
const answered = (given: ToolCall): ConversationEvent => ({
  type: "tool-called",
  lane: 0,
  call: given,
  answer: { id: given.id, text: `answer ${given.id}`, isError: false },
  durationMs: 1,
});
const cut: ConversationEvent = { type: "conversation-compacted", lane: 0, text: "so far" };

describe("a conversation from its events", () => {
  it("has the calls open that no answer is known of, wherever it was killed", () => {
    const calls = [call("a"), call("b"), call("c")];
    const events = [user("go"), assistant(calls), ...calls.map(answered)];
    const open = events.map((_, index) => conversationOf(events.slice(0, index + 1)).open.map(({ id }) => id));
    expect(open).toEqual([[], ["a", "b", "c"], ["b", "c"], ["c"], []]);
    expect(conversationOf(events).turns.at(-1)).toMatchObject({ role: "tools", answers: [{ id: "a" }, { id: "b" }, { id: "c" }] });
    expect(conversationOf(events).latestTokens).toBe(10);
  });

  it("begins anew where it was cut", () => {
    const events = [user("go"), assistant([call("a")]), answered(call("a")), cut];
    expect(conversationOf(events)).toEqual({ turns: [{ role: "user", text: "so far" }], open: [], latestTokens: 0 });
  });

  it("counts turns without a call over cuts and users' words, to the last call", () => {
    expect(silentTurns([user("go")])).toBe(0);
    expect(silentTurns([user("go"), assistant()])).toBe(1);
    expect(silentTurns([user("go"), assistant([call("a")]), answered(call("a"))])).toBe(0);
    expect(silentTurns([assistant([call("a")]), answered(call("a")), assistant(), user("go on"), cut, assistant()])).toBe(2);
  });

  it("counts the same call in a row", () => {
    expect(repeatedCalls([])).toBe(0);
    expect(repeatedCalls([answered(call("a", "read")), answered(call("b")), answered(call("c"))])).toBe(2);
  });
});
