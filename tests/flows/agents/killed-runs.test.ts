import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import type { Script } from "../../agents/models/scripted-server/script.js";
import { type ScriptedServer, startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { rmsnormSources as sources } from "./mind-sources.js";
import {
  acceptedSource,
  despiteBusy,
  eventsOf,
  type GoalRun,
  type ModelAgent,
  minutes,
  modelWords,
  projectOf,
  runGoalProcess,
} from "./model-goal.js";
import { nextStep } from "./scripted-mind.js";

/** As the scripted mind, aloud; between the pass and what is faster it tries what is wrong, so that the strategy sets it back. */
const withDetour: Script = (conversation) => {
  const calls = conversation.flatMap((entry) => (entry.role === "assistant" ? entry.calls : []));
  const answers = conversation.flatMap((entry) => (entry.role === "tools" ? entry.answers : []));
  const latest = answers.at(-1)?.text ?? "";
  const thinking = `step ${answers.length}`;
  const summaries = calls.flatMap((call) => (call.name === "submit" ? [(call.arguments as { summary: string }).summary] : []));
  const write = (text: string) => ({ name: "write", arguments: { name: "kernel.c", text } });
  const submit = (summary: string) => ({ name: "submit", arguments: { summary } });
  if (/^Attempt 2: (?:PASSED|SURPASSED)/.test(latest) && !summaries.includes("no eps"))
    return { thinking, calls: [write(sources.wrong), submit("no eps")] };
  if (latest.includes("the workspace is back at")) return { thinking, calls: [write(sources.faster), submit("sixteen sums")] };
  return { thinking, ...nextStep(conversation, sources) };
};

interface Moment {
  name: string;
  fits: (event: ForgeEvent) => boolean;
}
const isCall = (name: string) => (event: ForgeEvent) => event.type === "tool-called" && event.call.name === name;
const isAttempt = (type: ForgeEvent["type"], attempt: number) => (event: ForgeEvent) =>
  event.type === type && "attempt" in event && event.attempt === attempt;

/** Every kind of event of a model's run, in the order in which they come. */
const moments: Moment[] = [
  { name: "the goal is told", fits: (event) => event.type === "agent-turned" && event.turn.role === "user" },
  { name: "the model answered", fits: (event) => event.type === "agent-turned" && event.turn.role === "assistant" },
  { name: "a file is written, another is not yet", fits: isCall("write") },
  { name: "a check is answered", fits: isCall("check") },
  { name: "an attempt is submitted", fits: isAttempt("attempt-submitted", 1) },
  { name: "a check of an attempt is finished", fits: isAttempt("check-finished", 1) },
  { name: "an attempt is judged", fits: isAttempt("attempt-judged", 1) },
  { name: "a submission is answered", fits: isAttempt("submission-answered", 1) },
  { name: "the answer is told", fits: isCall("submit") },
  { name: "notes are written", fits: (event) => event.type === "notes-written" },
  { name: "what passes is being timed", fits: (event) => event.type === "check-started" && event.attempt === 2 && event.check === "speed" },
  { name: "what passes is judged", fits: isAttempt("attempt-judged", 2) },
  { name: "the workspace is set back", fits: (event) => event.type === "workspace-changed" && event.by === "strategy" },
  { name: "the submission that was set back is answered", fits: isAttempt("submission-answered", 3) },
  { name: "the best is judged", fits: isAttempt("attempt-judged", 4) },
  { name: "the best is accepted", fits: (event) => event.type === "framework-accepted" },
];

/** One run, killed after each moment and resumed; returns its last session. */
async function killAtAll(folder: string, words: string[]): Promise<GoalRun> {
  let run = "";
  const told: ForgeEvent[] = [];
  let log: readonly ForgeEvent[] = [];
  for (const moment of [...moments, null]) {
    // Some follow each other within a millisecond, and the kill before came too late for this one.
    if (moment !== null && log.some(moment.fits)) continue;
    let isKilled = false;
    const ended = await runGoalProcess({
      folder,
      sources,
      commandLine: [...words, ...(run === "" ? [] : ["--resume", run])],
      onEvent(event, child) {
        if (isKilled || !moment?.fits(event)) return;
        isKilled = child.kill("SIGKILL");
      },
    });
    ({ run, log } = ended);
    expect({ moment: moment?.name, signal: ended.signal, errors: ended.errors }).toEqual({
      moment: moment?.name,
      signal: moment === null ? null : "SIGKILL",
      errors: "",
    });
    told.push(...ended.events);
    // What was told had been kept, word for word.
    expect(ended.log.filter(({ sequence }) => told.some((event) => event.sequence === sequence))).toEqual(told);
    if (moment === null) return ended;
  }
  throw new Error("the last session is not killed");
}

/** Exactly as a kill right after an event leaves it, where no signal is quick enough. */
function cutAfter(run: GoalRun, fits: (event: ForgeEvent) => boolean): void {
  const lines = run.log.slice(0, run.log.findIndex(fits) + 1).map((event) => JSON.stringify(event));
  writeFileSync(join(run.runDirectory, "log.jsonl"), `${lines.join("\n")}\n`);
}

const betweenMoments: Moment[] = [
  { name: "the best is judged, not answered", fits: isAttempt("attempt-judged", 4) },
  { name: "the workspace is set back, not answered", fits: (event) => event.type === "workspace-changed" && event.by === "strategy" },
  { name: "a submission is answered, not told", fits: isAttempt("submission-answered", 3) },
  { name: "the best is submitted, not judged", fits: isAttempt("attempt-submitted", 4) },
  { name: "the best is accepted, not finished", fits: (event) => event.type === "framework-accepted" },
];

function expectEndedOnce(run: GoalRun, folder: string, server: ScriptedServer): void {
  expect(run).toMatchObject({ code: 0 });
  expect(acceptedSource(folder, sources)).toBe(sources.faster);
  const { log } = run;
  for (const type of ["attempt-submitted", "attempt-judged", "submission-answered"] as const)
    expect(eventsOf(log, type).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  expect(eventsOf(log, "framework-accepted")).toMatchObject([{ attempt: 4 }]);
  const called = eventsOf(log, "tool-called");
  const names = ["write", "write", "check", "write", "submit", "write", "check", "notes", "submit", "write", "submit", "write", "submit"];
  expect(called.map(({ call }) => call.name)).toEqual(names);
  expect(called.filter(({ answer }) => answer.isError)).toEqual([]);
  expect(server.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
  // Some request, the last of the run, held every answer of the log, each once; a run that was only to be finished asks nothing more.
  const answersIn = ({ conversation }: ScriptedServer["requests"][number]) =>
    conversation.flatMap((entry) => (entry.role === "tools" ? entry.answers.map(({ text }) => text) : []));
  expect(server.requests.map(answersIn)).toContainEqual(called.map(({ answer }) => answer.text));
}

describe("a model's run, killed after every kind of event and resumed", () => {
  // Another format of the same conversation, and minutes: `npm run test:integrity -- agents`.
  const agents: ModelAgent[] = process.env.FORGE_WHOLE === "1" ? ["anthropic", "openai-responses"] : ["anthropic"];
  it.each(agents)("%s: ends the same, and nothing is done twice", { timeout: 15 * minutes }, async (agent) => {
    // Thinking is taken back only where nothing before it has changed.
    const server = await startScriptedServer(withDetour, { preservedThinking: true });
    try {
      const folder = projectOf(sources);
      const words = modelWords(agent, server);
      const last = await despiteBusy(() => killAtAll(folder, words));
      expectEndedOnce(last, folder, server);
      for (const { name, fits } of agent === "anthropic" ? betweenMoments : []) {
        cutAfter(last, fits);
        const again = await runGoalProcess({ folder, sources, commandLine: [...words, "--resume", last.run] });
        expect({ name, code: again.code, errors: again.errors }).toEqual({ name, code: 0, errors: "" });
        expectEndedOnce(again, folder, server);
      }
    } finally {
      await server.close();
    }
  });
});
