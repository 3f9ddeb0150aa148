import type { EventBody, ForgeEvent } from "../../specs/contracts/event.js";
import { jsonText } from "../report/escape-text.js";

/** One event as one line of JSON: what `--json` prints and what a run's log holds. */
export function jsonLine(event: EventBody | ForgeEvent): string {
  return jsonText(event);
}
