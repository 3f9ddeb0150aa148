import type { EventBody } from "../../specs/contracts/event.js";
import { escapeText } from "../report/escape-text.js";
import { durationText } from "./duration-text.js";

type EventOf<Type extends EventBody["type"]> = Extract<EventBody, { type: Type }>;

const laneEvents = [
  "lane-opened",
  "agent-turned",
  "tool-called",
  "conversation-compacted",
  "workspace-changed",
  "notes-written",
  "submission-answered",
] as const;
/** What an agent, or the strategy that leads it, says and does in a lane. */
type LaneEvent = EventOf<(typeof laneEvents)[number]>;

export const isLaneEvent = (event: EventBody): event is LaneEvent => (laneEvents as readonly string[]).includes(event.type);

/** Characters of what a model says or a tool is given that are worth showing in a line. */
const shown = 160;

/** A line for what an agent says and does; null for what is not worth one. */
export function conversationLine(event: LaneEvent): string | null {
  const lane = event.lane === 0 ? "" : `lane ${event.lane}: `;
  switch (event.type) {
    case "lane-opened":
      return event.lane === 0 ? null : `${lane}opened${event.base === null ? "" : ` from attempt ${event.base}`}`;
    case "agent-turned":
      return event.turn.role === "assistant" && event.turn.text.trim() !== "" ? `${lane}agent: ${inShort(event.turn.text)}` : null;
    case "tool-called":
      return `${lane}tool: ${toolCallText(event)}`;
    case "conversation-compacted":
      return `${lane}the conversation grew too long and was summed up`;
    case "submission-answered":
      return event.direction === null ? null : `${lane}${inShort(event.direction)}`;
    case "workspace-changed":
    case "notes-written":
      return null;
  }
}

/** `write kernel.c, 12 ms` and the like. */
export function toolCallText({ call, answer, durationMs }: EventOf<"tool-called">): string {
  const failed = answer.isError ? `, failed: ${inShort(answer.text)}` : "";
  return `${escapeText(call.name)} ${inShort(call.argumentsText, 80)}, ${durationText(durationMs)}${failed}`;
}

export function inShort(text: string, characters = shown): string {
  const line = text.replace(/\s+/g, " ").trim();
  return escapeText(line.length > characters ? `${line.slice(0, characters - 1)}…` : line);
}
