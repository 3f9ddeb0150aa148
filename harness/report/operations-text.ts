import type { EventBody } from "../../specs/contracts/event.js";
import { ratioText } from "../progress/ratio-text.js";
import { escapeText } from "./escape-text.js";

type OperationEvent = Extract<EventBody, { type: "operations-planned" | "operation-begun" | "operation-forged" | "merge-decided" }>;

const types = new Set(["operations-planned", "operation-begun", "operation-forged", "merge-decided"]);
export const isOperationEvent = (event: EventBody): event is OperationEvent => types.has(event.type);

/** What a trainer's goal says of the operations that it is made of, one sentence. */
export function operationText(event: OperationEvent): string {
  switch (event.type) {
    case "operations-planned":
      return `operations planned: ${planText(event.operations)}`;
    case "operation-begun":
      return `operation ${event.operation}: forged by a goal of its own, run ${event.operationRun}`;
    case "operation-forged":
      return `operation ${event.operation}: its goal ended as ${event.end}${event.ratio === null ? "" : `, ${event.ratio.toFixed(2)}x its baseline`}`;
    case "merge-decided": {
      const measured = event.interval === null ? "" : `, the whole with it is ${ratioText(event.interval)} the whole without`;
      const label = event.label === "" ? `${event.operation}: ` : `${escapeText(event.label)}: `;
      return `${event.merged ? "merged" : "not merged"}: ${label}${escapeText(event.reason)}${measured}`;
    }
  }
}

function planText(operations: Extract<OperationEvent, { type: "operations-planned" }>["operations"]): string {
  const named = operations.map(({ operation, share, most, isPlanned }) => {
    if (share === null || most === null) return operation;
    return `${operation} ${(100 * share).toFixed(0)} % of a step${isPlanned ? ` (at most ${most.toFixed(2)}x)` : " (left out)"}`;
  });
  return named.join(", ");
}
