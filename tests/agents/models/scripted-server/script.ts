/** What a scripted model server is told to say, in no provider's words. */

export type ProtocolName = "anthropic" | "openai-chat" | "openai-responses";

/** A request's conversation, whatever protocol it came by. `isError` is known from Anthropic's only. */
export type ConversationEntry =
  | { role: "user"; text: string }
  | { role: "assistant"; text: string; calls: { id: string; name: string; arguments: unknown }[] }
  | { role: "tools"; answers: { id: string; text: string; isError: boolean }[] };

export interface ScriptRequest {
  protocol: ProtocolName;
  model: string;
  system: string;
  toolNames: string[];
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
  /** From 1, over all requests of the server that reached the script. */
  number: number;
}

export interface ScriptedCall {
  name: string;
  arguments?: unknown;
  /** Instead of `arguments`: may be malformed. */
  argumentsText?: string;
  /** Made up where undefined. */
  id?: string;
}

export interface ScriptedReply {
  /** Signed thinking, a reasoning item, or `reasoning_content`. */
  thinking?: string;
  /** Anthropic only: a block that only the provider can read. */
  redactedThinking?: string;
  text?: string;
  calls?: ScriptedCall[];
  /** Otherwise what `calls` says. */
  stop?: "length" | "refused";
  usage?: { input: number; output: number; cacheRead: number; cacheWrite: number };
  delayMs?: number;
  /**
   * `start`: after the headers. `middle`: after half of the events. `end`: before the one that ends the answer.
   * `failed` is an `error` in the Responses API's other way of saying it.
   */
  breaks?: { at: "start" | "middle" | "end"; how: "stall" | "reset" | "close" | "garbage" | "error" | "failed"; code?: string };
  /** What servers that only resemble OpenAI's do. */
  quirks?: {
    omitUsage?: boolean;
    omitCallIds?: boolean;
    wholeArguments?: boolean;
    stopForCalls?: boolean;
    sameIndex?: boolean;
    omitIndex?: boolean;
  };
}

export interface ScriptedFault {
  status: number;
  headers?: Record<string, string>;
  /** The provider's own code; one that fits the status where undefined. */
  code?: string;
  message?: string;
  /** Instead of the provider's error format. */
  body?: string;
  delayMs?: number;
}

export type ScriptedStep = ScriptedReply | ScriptedFault;
export type Script = (conversation: ConversationEntry[], request: ScriptRequest) => ScriptedStep | Promise<ScriptedStep>;

/** The next of the given steps at each request; the last one for ever after. */
export function inTurn(...steps: ScriptedStep[]): Script {
  return (_, { number }) => steps[Math.min(number, steps.length) - 1]!;
}

export function argumentsTextOf({ arguments: given, argumentsText }: ScriptedCall): string {
  return argumentsText ?? JSON.stringify(given ?? {});
}

/** A text in pieces, as streams bring it. */
export function piecesOf(text: string, length = 7): string[] {
  return text.match(new RegExp(`[\\s\\S]{1,${length}}`, "gu")) ?? [];
}
