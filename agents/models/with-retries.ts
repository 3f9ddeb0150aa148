import { setTimeout as sleep } from "node:timers/promises";
import { type Model, ModelError, type ModelReply, type ModelRequest } from "./model.js";

export interface RetryOptions {
  /** Requests in a row that may end as `broken`. */
  brokenTries?: number;
  /** Requests in a row that may end as `busy`. */
  busyTries?: number;
  /** No wait is longer, whatever a provider asks for. */
  longestWaitMs?: number;
  /** The first wait where the provider asks for none; each further one is twice as long. */
  firstWaitMs?: number;
  onRetry?: (retry: { error: ModelError; tries: number; waitMs: number }) => void;
}

/** The same model, which tries again when it is busy or broken; other problems, and these after too many tries, are thrown. */
export function withRetries(model: Model, options: RetryOptions = {}): Model {
  const { brokenTries = 5, busyTries = 30, longestWaitMs = 120_000, firstWaitMs = 1000, onRetry } = options;

  const waitAfter = ({ problem }: ModelError, tries: number): number => {
    const asked = problem.kind === "busy" ? problem.retryAfterMs : null;
    // Jitter, so that workers which failed together do not come back together.
    const wait = asked ?? firstWaitMs * 2 ** Math.min(tries - 1, 20) * (0.5 + Math.random() / 2);
    return Math.min(longestWaitMs, wait);
  };

  async function respond(request: ModelRequest): Promise<ModelReply> {
    const tries = { busy: 0, broken: 0 };
    for (;;) {
      try {
        return await model.respond(request);
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        const { kind } = error.problem;
        if (kind !== "busy" && kind !== "broken") throw error;
        tries[kind]++;
        if (tries[kind] >= (kind === "busy" ? busyTries : brokenTries)) throw error;
        const waitMs = waitAfter(error, tries[kind]);
        onRetry?.({ error, tries: tries.busy + tries.broken, waitMs });
        await abortableSleep(waitMs, request.signal);
      }
    }
  }

  return {
    name: model.name,
    provider: model.provider,
    contextTokens: model.contextTokens,
    respond,
    describeRequest: (request) => model.describeRequest(request),
  };
}

async function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    // Node's own AbortError hides the reason that the caller gave.
    signal.throwIfAborted();
    throw error;
  }
}
