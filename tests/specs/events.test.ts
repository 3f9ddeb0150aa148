import { expect, test } from "vitest";
import type { EventBody, ForgeEvent } from "../../specs/contracts/event.js";

type KeyOfAny<Event> = Event extends unknown ? keyof Event : never;
type Envelope = Exclude<KeyOfAny<ForgeEvent>, KeyOfAny<EventBody>>;

test("no event has a field that the log writes itself: it would take its place, and the log could not be read again", () => {
  // Held by the compiler: a body with one of these leaves fewer here.
  const envelope: Record<Envelope, true> & Record<"sequence" | "at" | "run", true> = { sequence: true, at: true, run: true };
  const isWhole: "sequence" | "at" | "run" extends Envelope ? true : false = true;
  expect(isWhole && Object.keys(envelope)).toHaveLength(3);
});
