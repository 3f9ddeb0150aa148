import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { figuresOf } from "../../../specs/verdict-speed.js";
import { startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { rmsnormSources as sources } from "./mind-sources.js";
import { despiteBusy, eventsOf, type GoalRun, minutes, modelWords, outcomesOf, projectOf, runGoalProcess } from "./model-goal.js";
import { mindScript } from "./scripted-mind.js";

const folder = projectOf(sources);
let recorded: GoalRun;

beforeAll(async () => {
  const server = await startScriptedServer(mindScript(sources));
  recorded = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine: modelWords("anthropic", server) }));
  await server.close();
  expect(recorded.code).toBe(0);
}, 5 * minutes);

const replay = (run: string): Promise<GoalRun> =>
  despiteBusy(() => runGoalProcess({ folder, sources, commandLine: ["--agent", "replay", "--replay", run] }));

/** A copy of the recorded run under another name, with its log changed line by line. */
function tampered(name: string, change: (event: ForgeEvent) => ForgeEvent): string {
  const copy = join(folder, "runs", name);
  cpSync(recorded.runDirectory, copy, { recursive: true });
  const log = join(copy, "log.jsonl");
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  const events = lines.map((line) => change({ ...(JSON.parse(line) as ForgeEvent), run: name }));
  writeFileSync(log, `${events.map((event) => JSON.stringify(event)).join("\n")}\n`);
  return name;
}

/** The newest written kernel.c of the record says something else: its eps is left out. */
function spoilFaster(event: ForgeEvent): ForgeEvent {
  if (event.type !== "tool-called" || event.call.name !== "write" || !event.call.argumentsText.includes("Sixteen")) return event;
  const argumentsText = event.call.argumentsText.replace("(float)dim + eps", "(float)dim");
  expect(argumentsText).not.toBe(event.call.argumentsText);
  return { ...event, call: { ...event.call, argumentsText } };
}

describe("a recorded run, done again without its model", () => {
  it("gives the same verdicts, and a ratio whose interval meets the recorded one", { timeout: 8 * minutes }, async () => {
    const figureOf = (run: GoalRun) => figuresOf(eventsOf(run.log, "attempt-judged").at(-1)!.verdict)[0]!;
    const then = figureOf(recorded);
    let again = await replay(recorded.run);
    const isInside = () => figureOf(again).ratio >= then.low && figureOf(again).ratio <= then.high;
    const meets = () => figureOf(again).low <= then.high && figureOf(again).high >= then.low;
    // One repetition for a machine that others use.
    if (!meets()) again = await replay(recorded.run);
    expect(again.code).toBe(0);
    expect(outcomesOf(again.log)).toEqual(outcomesOf(recorded.log));
    const trees = (run: GoalRun) => eventsOf(run.log, "attempt-submitted").map(({ tree }) => tree);
    expect(trees(again)).toEqual(trees(recorded));
    const { ratio } = figureOf(again);
    // Two processes differ by a per cent or two in where their memory lies: the intervals must meet, and what is told must be so.
    expect({ then, again: figureOf(again), meets: meets() }).toMatchObject({ meets: true });
    const where = isInside() ? "inside" : "outside";
    expect(eventsOf(again.log, "agent-noted").at(-1)!.text).toContain(
      `surpassed, as recorded; ${ratio.toFixed(3)}x lies ${where} the recorded interval`,
    );
  });

  it("with one recorded write changed the verdict changes, whatever the record says of it", { timeout: 5 * minutes }, async () => {
    const again = await replay(tampered("rmsnorm-tampered", spoilFaster));
    expect(outcomesOf(again.log)).toEqual(["failed", expect.stringMatching(/passed$/), "failed"]);
    expect(eventsOf(again.log, "agent-noted").at(-1)!.text).toContain("recorded surpassed, now failed: they differ");
  });

  it("what is no candidate any more is said, and the run goes on to its end", { timeout: 5 * minutes }, async () => {
    const name = tampered("rmsnorm-no-manifest", (event) =>
      event.type === "tool-called" && event.call.argumentsText.includes("forge.json")
        ? { ...event, call: { ...event.call, argumentsText: JSON.stringify({ name: "forge.json", text: "{}" }) } }
        : event,
    );
    const again = await replay(name);
    expect(again.log.at(-1)).toMatchObject({ type: "run-finished", end: "nothing-passed", attempts: 0 });
    expect(eventsOf(again.log, "agent-noted").map(({ text }) => text)).toEqual(
      expect.arrayContaining([expect.stringContaining("now it cannot be submitted: forge.json")]),
    );
  });
});
