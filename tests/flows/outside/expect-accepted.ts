import { expect } from "vitest";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { rmsnormSources as sources } from "../agents/mind-sources.js";
import { acceptedSource, eventsOf, outcomesOf } from "../agents/model-goal.js";

/** A run of the scripted mind that somebody else's program carried, and what it left; what a busy machine cost is no matter. */
export function expectAccepted(log: readonly ForgeEvent[], folder: string): void {
  const judged = outcomesOf(log).filter((outcome) => outcome !== "errored");
  expect(judged).toEqual(["failed", expect.stringMatching(/passed$/), "surpassed"]);
  const checks = eventsOf(log, "tool-called").filter(({ call }) => call.name === "check");
  expect(checks.map(({ answer }) => answer.text.split(" ")[0])).toEqual(["FAILED", "PASSED"]);
  expect(eventsOf(log, "framework-accepted")).toEqual([expect.objectContaining({ outcome: "surpassed" })]);
  expect(log.at(-1)).toMatchObject({ type: "run-finished", end: "surpassed" });
  expect(acceptedSource(folder, sources)).toBe(sources.faster);
}
