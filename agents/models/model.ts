import type { TokenUsage, ToolCall, Turn } from "../../specs/contracts/conversation.js";

export type { TokenUsage, ToolCall, Turn } from "../../specs/contracts/conversation.js";

/** What a model is told and what it answers, in no provider's words; the conversation in the run's log is made of these. */

/** A tool as a model sees it. `parameters` is a JSON Schema object. */
export interface ToolDescription {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

export interface ModelRequest {
  system: string;
  tools: ToolDescription[];
  turns: Turn[];
  /** Longest answer, in tokens. */
  maximumOutputTokens: number;
  signal: AbortSignal;
  /** Text as it arrives, for whoever watches; what a cut stream leaves is discarded. */
  onText?: (text: string) => void;
}

export interface ModelReply {
  text: string;
  calls: ToolCall[];
  /** `calls`: wants answers. `finished`: has nothing more to say. `length`: cut at the longest answer. `refused`: will not. */
  stop: "calls" | "finished" | "length" | "refused";
  usage: TokenUsage;
  opaque?: unknown;
}

/** A model behind an API. One request is one attempt: retrying is the caller's. Throws ModelError, or the signal's reason. */
export interface Model {
  /** As in prices and certificates: the provider's own name of the model. */
  name: string;
  provider: "anthropic" | "openai-chat" | "openai-responses";
  /** Tokens that fit into a request together with its answer. */
  contextTokens: number;
  respond(request: ModelRequest): Promise<ModelReply>;
  /** What would be sent, as JSON, without keys: for `--dry-run`. */
  describeRequest(request: ModelRequest): unknown;
}

export type ModelProblem =
  /** Try again, after `retryAfterMs` where the provider said so. */
  | { kind: "busy"; retryAfterMs: number | null }
  /** A limit of the account: trying again at once does not help. */
  | { kind: "spend-limit" }
  /** 5xx, time-out, cut stream, unreadable answer. */
  | { kind: "broken" }
  /** The conversation is longer than the model takes. */
  | { kind: "too-long" }
  /** A wrong key, an unknown model, a request that the provider does not take: trying again never helps. */
  | { kind: "refused-request"; status: number | null };

export class ModelError extends Error {
  override name = "ModelError";
  constructor(
    readonly problem: ModelProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
