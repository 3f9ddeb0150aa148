import type { EventBody } from "../../specs/contracts/event.js";

/** Shows events as they come. `close` leaves the terminal as it was found. */
export interface ProgressWriter {
  event(event: EventBody, atMs: number, run: string | null): void;
  /** A word to the user that is no event. */
  say(text: string): void;
  close(): void;
}
