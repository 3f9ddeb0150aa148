import type { ForgeEvent } from "../../specs/contracts/event.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { spendingOf } from "../goal/budget.js";

const count = (value: number): string => Math.round(value).toLocaleString("en-US");

const unpriced = (requests: number): string => (requests > 0 ? ` and ${requests} requests of unknown price` : "");

/** What a run's model cost, and what an attempt that passed did; null where no model was asked. */
export function spendingText(events: readonly ForgeEvent[]): string | null {
  const requests = events.filter((event) => event.type === "agent-turned" && event.usage !== undefined).length;
  const { tokens, dollars, unpricedRequests } = spendingOf(events);
  if (requests === 0)
    return tokens === 0
      ? null
      : `${count(tokens)} tokens, $${dollars.toFixed(2)}${unpriced(unpricedRequests)} in the goals of its operations`;
  const passed = events.filter((event) => event.type === "attempt-judged" && isAccepted(event)).length;
  const money = unpricedRequests === requests ? "price unknown" : `$${dollars.toFixed(2)}${unpriced(unpricedRequests)}`;
  const each =
    passed === 0
      ? "nothing passed"
      : `${count(tokens / passed)} tokens${dollars > 0 ? ` and $${(dollars / passed).toFixed(2)}` : ""} per attempt that passed`;
  return `${count(requests)} request${requests === 1 ? "" : "s"}, ${count(tokens)} tokens, ${money}; ${each}`;
}
