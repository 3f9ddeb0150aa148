import type { BudgetLimits, ForgeEvent } from "../../specs/contracts/event.js";

export interface Spent {
  attempts: number;
  minutes: number;
  tokens: number;
  /** US dollars of requests whose price is known. */
  dollars: number;
  /** Requests to a model whose price is not. */
  unpricedRequests: number;
}

/** `withoutVerdict`: attempts that count and whose verdict was kept by the harness or the machine. */
const noSpending = { attempts: 0, withoutVerdict: 0, tokens: 0, dollars: 0, unpricedRequests: 0 };

/** The one place that knows whether a goal may go on. It reads the run's log, so that a resumed run has spent what it spent before. */
export class Budget {
  private counted = { ...noSpending };
  private position = 0;

  constructor(
    readonly limits: BudgetLimits,
    private readonly events: () => readonly ForgeEvent[],
    /** Milliseconds that earlier sessions of this run took. */
    private readonly earlierMs: number,
    private readonly startedAtMs: number,
  ) {}

  spent(): Spent {
    const events = this.events();
    for (; this.position < events.length; this.position++) this.counted = countIn(this.counted, events[this.position]!);
    const { withoutVerdict: _, ...counted } = this.counted;
    return { ...counted, minutes: (this.earlierMs + performance.now() - this.startedAtMs) / 60_000 };
  }

  /** Which limit has been reached, in words; null while all is left. */
  exhausted(): string | null {
    const { attempts, minutes, tokens, dollars } = this.limits;
    const spent = this.spent();
    if (spent.attempts >= attempts) return `${attempts} attempt${attempts === 1 ? "" : "s"}`;
    if (spent.minutes >= minutes) return `${minutes} minutes`;
    if (tokens !== undefined && spent.tokens >= tokens) return `${tokens} tokens`;
    if (dollars !== undefined && spent.dollars >= dollars) return `$${dollars}`;
    return null;
  }
}

/** What the events of a run say was spent, but for time. */
export function spendingOf(events: readonly ForgeEvent[]): Omit<Spent, "minutes"> {
  const { withoutVerdict: _, ...spent } = events.reduce(countIn, { ...noSpending });
  return spent;
}

/** Whoever resumes a run tries again: what had no verdict, a busy machine's attempt say, counts no more. In one session it does. */
function countIn(spent: typeof noSpending, event: ForgeEvent): typeof noSpending {
  if (event.type === "attempt-submitted") return { ...spent, attempts: spent.attempts + 1 };
  if (event.type === "attempt-judged" && event.verdict.outcome === "errored") return { ...spent, withoutVerdict: spent.withoutVerdict + 1 };
  if (event.type === "run-resumed") return { ...spent, attempts: spent.attempts - spent.withoutVerdict, withoutVerdict: 0 };
  if (event.type === "operation-forged")
    return {
      ...spent,
      tokens: spent.tokens + event.spent.tokens,
      dollars: spent.dollars + event.spent.dollars,
      unpricedRequests: spent.unpricedRequests + event.spent.unpricedRequests,
    };
  if (event.type !== "agent-turned" || event.usage === undefined) return spent;
  const { input, output, cacheRead, cacheWrite } = event.usage;
  return {
    ...spent,
    tokens: spent.tokens + input + output + cacheRead + cacheWrite,
    dollars: spent.dollars + (event.dollars ?? 0),
    unpricedRequests: spent.unpricedRequests + (event.dollars == null ? 1 : 0),
  };
}

/** An agent asks for more than is left; it may still read and write. */
export class BudgetSpent extends Error {
  override name = "BudgetSpent";
}
