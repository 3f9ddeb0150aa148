/** What passes between an agent's mind and its tools, in no provider's words: a run's log keeps it, `--resume` and replay go by it. */

export interface ToolCall {
  id: string;
  name: string;
  /** As they were written: JSON that may be malformed. */
  argumentsText: string;
}

export interface ToolAnswer {
  id: string;
  text: string;
  isError: boolean;
}

export type Turn =
  | { role: "user"; text: string }
  /** `opaque`: what this provider wants back word for word (signed thinking, reasoning items); of no meaning to anyone else. */
  | { role: "assistant"; text: string; calls: ToolCall[]; opaque?: unknown }
  | { role: "tools"; answers: ToolAnswer[] };

/** Tokens of one request. `cacheRead` and `cacheWrite` are not part of `input`; thinking is part of `output`. */
export interface TokenUsage {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}
