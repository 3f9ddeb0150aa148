import type { ForgeEvent } from "../../specs/contracts/event.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { spendingOf } from "../goal/budget.js";

const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** What a run's model cost, and what an attempt that passed did; null where no model was asked. */
export function spendingText(events: readonly ForgeEvent[]): string | null {
  const requests = events.filter((event) => event.type === "agent-turned" && event.usage !== undefined).length;
  if (requests === 0) return null;
  const { tokens, dollars, unpricedRequests } = spendingOf(events);
  const passed = events.filter((event) => event.type === "attempt-judged" && isAccepted(event)).length;
  const money =
    unpricedRequests === requests
      ? "price unknown"
      : `$${dollars.toFixed(2)}${unpricedRequests > 0 ? ` and ${unpricedRequests} requests of unknown price` : ""}`;
  const each =
    passed === 0
      ? "nothing passed"
      : `${count(tokens / passed)} tokens${dollars > 0 ? ` and $${(dollars / passed).toFixed(2)}` : ""} per attempt that passed`;
  return `${count(requests)} request${requests === 1 ? "" : "s"}, ${count(tokens)} tokens, ${money}; ${each}`;
}
