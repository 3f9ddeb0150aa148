import type { EventBody, ForgeEvent } from "../../specs/contracts/event.js";

/** One event as one line of JSON: what `--json` prints and what a run's log holds. */
export function jsonLine(event: EventBody | ForgeEvent): string {
  return JSON.stringify(event);
}
