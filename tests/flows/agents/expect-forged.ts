import { expect } from "vitest";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import type { MindSources } from "./mind-sources.js";
import { eventsOf, outcomesOf } from "./model-goal.js";

/** The log of a run by the scripted mind, whoever carried its messages: what failed, what passed, what was faster, in this order. */
export function expectForged(log: readonly ForgeEvent[], sources: MindSources): void {
  expect(outcomesOf(log)).toEqual(["failed", expect.stringMatching(/passed$/), "surpassed"]);
  const judged = eventsOf(log, "attempt-judged");
  expect(judged.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(judged[0]!.verdict.checks.at(-1)).toMatchObject({ check: "align", status: "failed" });
  expect(judged[2]!.bestRatio).toBeGreaterThan(1);
  // Through a folder its files are written by other hands: `check` and `submit` alone are calls then.
  const calls = eventsOf(log, "tool-called");
  const checks = calls.filter(({ call }) => call.name === "check").map(({ answer }) => answer.text.split("\n").slice(0, 2).join("\n"));
  expect(checks).toEqual([expect.stringMatching(/^FAILED .*\nThe build check failed/), expect.stringMatching(/^PASSED/)]);
  expect(eventsOf(log, "framework-accepted").at(-1)).toMatchObject({ attempt: 3, outcome: "surpassed" });
  expect(log.at(-1)).toMatchObject({ type: "run-finished", end: "surpassed", attempts: 3 });
  const last = calls.filter(({ call }) => call.name === "write" && call.argumentsText.includes("kernel.c")).at(-1);
  if (last) expect(JSON.parse(last.call.argumentsText)).toEqual({ name: "kernel.c", text: sources.faster });
}
