export type Effort = "low" | "medium" | "high" | "xhigh" | "max";

/** What every adapter is made from. */
export interface AdapterOptions {
  model: string;
  /** Null only where the server at `baseUrl` asks for none. */
  apiKey: string | null;
  baseUrl: string;
  contextTokens: number;
  /** How hard a reasoning model thinks; its own default where undefined. */
  effort: Effort | undefined;
  /** How long to wait for the first byte of an answer. Node's own fetch gives up after 300 s in any case. */
  responseTimeoutMs: number;
  /** How long a stream may be silent. */
  idleTimeoutMs: number;
}
