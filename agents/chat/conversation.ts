import type { ToolCall, Turn } from "../../specs/contracts/conversation.js";
import type { ConversationEvent } from "../../specs/contracts/event.js";

export interface Conversation {
  turns: Turn[];
  /** Calls of the newest turn that have no answer yet: the process was killed, or has not come to them. */
  open: ToolCall[];
  /** Tokens of the newest request with its answer; 0 where there was none since the conversation was cut. */
  latestTokens: number;
}

/** A lane's conversation as its events tell it: what a model is sent next, in this session or a later one. */
export function conversationOf(events: readonly ConversationEvent[]): Conversation {
  let turns: Turn[] = [];
  let open: ToolCall[] = [];
  let latestTokens = 0;
  for (const event of events) {
    switch (event.type) {
      case "conversation-compacted":
        turns = [{ role: "user", text: event.text }];
        open = [];
        latestTokens = 0;
        break;
      case "agent-turned": {
        turns.push(event.turn);
        open = event.turn.role === "assistant" ? [...event.turn.calls] : [];
        const { usage } = event;
        if (usage) latestTokens = usage.input + usage.cacheRead + usage.cacheWrite + usage.output;
        break;
      }
      case "tool-called": {
        open = open.filter((call) => call.id !== event.call.id);
        const last = turns.at(-1);
        if (last?.role === "tools") last.answers.push(event.answer);
        else turns.push({ role: "tools", answers: [event.answer] });
        break;
      }
    }
  }
  return { turns, open, latestTokens };
}

/** How many of the agent's newest turns in a row called no tool, whatever was cut in between. */
export function silentTurns(events: readonly ConversationEvent[]): number {
  const own = events.flatMap((event) =>
    event.type === "agent-turned" && event.turn.role === "assistant" ? [event.turn.calls.length] : [],
  );
  return own.length - 1 - own.findLastIndex((calls) => calls > 0);
}

/** How many of the newest calls in a row are the same, arguments and all. */
export function repeatedCalls(events: readonly ConversationEvent[]): number {
  const calls = events.flatMap((event) => (event.type === "tool-called" ? [`${event.call.name} ${event.call.argumentsText}`] : []));
  let count = 0;
  while (count < calls.length && calls[calls.length - 1 - count] === calls.at(-1)) count++;
  return count;
}
