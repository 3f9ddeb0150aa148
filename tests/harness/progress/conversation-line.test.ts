import { expect, test } from "vitest";
import { conversationLine, inShort } from "../../../harness/progress/conversation-line.js";
import { runStory } from "../../../harness/report/run-story.js";
import type { EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import { runStarted } from "../sample-run.js";

const called: Extract<EventBody, { type: "tool-called" }> = {
  type: "tool-called",
  lane: 0,
  call: { id: "1", name: "shell", argumentsText: '{"command":"gcc -c kernel.c"}' },
  answer: { id: "1", text: "ok", isError: false },
  durationMs: 120,
};
const said = (text: string): EventBody => ({ type: "agent-turned", lane: 0, turn: { role: "assistant", text, calls: [] } });

test("a line for what an agent says and does, marked by its lane, nothing for what is not worth one", () => {
  expect(conversationLine(called)).toBe('tool: shell {"command":"gcc -c kernel.c"}, 120 ms');
  expect(conversationLine({ ...called, lane: 2, answer: { id: "1", text: "no\nsuch file", isError: true } })).toBe(
    'lane 2: tool: shell {"command":"gcc -c kernel.c"}, 120 ms, failed: no such file',
  );
  expect(conversationLine({ type: "lane-opened", lane: 0, base: null, text: "" })).toBeNull();
  expect(conversationLine({ type: "lane-opened", lane: 1, base: 3, text: "" })).toBe("lane 1: opened from attempt 3");
  expect(conversationLine({ type: "notes-written", lane: 0, text: "private" })).toBeNull();
  expect(conversationLine({ type: "submission-answered", attempt: 1, lane: 0, base: null, direction: null })).toBeNull();
});

test("what a model says is cut to a line and cannot steer a terminal", () => {
  const line = inShort(`first\n\u001b[2Jsecond ${"x".repeat(500)}`);
  expect(line).not.toContain("\u001b");
  expect(line).not.toContain("\n");
  expect(line.length).toBeLessThan(200);
});

test("`forge show` tells the conversation and what it cost", () => {
  const bodies: EventBody[] = [
    runStarted(),
    { type: "agent-turned", lane: 0, turn: { role: "user", text: "the whole prompt" } },
    said("I begin with plain loops."),
    called,
    {
      type: "agent-turned",
      lane: 0,
      turn: { role: "assistant", text: "", calls: [] },
      usage: { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 },
      dollars: 0.01,
    },
  ];
  const story = runStory(
    bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-01T00:00:00.000Z", run: "run-1" })) as ForgeEvent[],
  );
  expect(story).toContain("  agent: I begin with plain loops.\n  tool: shell");
  expect(story).not.toContain("the whole prompt");
  expect(story).toContain("cost      1 request, 15 tokens, $0.01; nothing passed");
});
