import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { parseLog } from "../../../harness/store/parse-log.js";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import type { RunSummary } from "../../../specs/contracts/store.js";
import { type ScriptedServer, scriptedKey } from "../../agents/models/scripted-server/start-scripted-server.js";
import { runForge } from "../../harness/cli/run-forge.js";
import { lastingFolder, writeSmallSpec } from "../../small-spec.js";
import { isBusy, streamForge } from "../forge-process.js";
import type { MindSources } from "./mind-sources.js";

export const minutes = 60_000;
export type ModelAgent = "anthropic" | "openai" | "openai-responses";
/** Names whose prices are in the table, so that dollars are counted. */
export const modelNames: Record<ModelAgent, string> = {
  anthropic: "claude-opus-4-5",
  openai: "gpt-5.6-terra",
  "openai-responses": "gpt-5.6-terra",
};
export const keys = { ANTHROPIC_API_KEY: scriptedKey, OPENAI_API_KEY: scriptedKey };

/** A project with a small copy of the spec, whose exam is known to be strong. */
export function projectOf(sources: MindSources): string {
  const folder = lastingFolder();
  const path = writeSmallSpec(sources.spec, sources.shrink, folder);
  // What a goal would do first, and say on stderr.
  const lint = runForge(["lint", path, "--variant", "f32"], folder);
  expect(lint.code, lint.stdout + lint.stderr).toBe(0);
  return folder;
}

export const specPath = (sources: MindSources): string => `specs/kernels/${sources.spec}.yaml`;

export interface GoalRun {
  code: number | null;
  signal: NodeJS.Signals | null;
  errors: string;
  events: ForgeEvent[];
  /** All of the run's log, earlier sessions too. */
  log: ForgeEvent[];
  run: string;
  runDirectory: string;
}

interface GoalOptions {
  folder: string;
  sources: MindSources;
  commandLine: string[];
  environment?: Record<string, string>;
  onEvent?: (event: ForgeEvent, child: ChildProcess) => void;
}

/** Another user of the machine is no fault of this run. */
const waiting = /^another Forge process is timing on this machine; waiting for it .*\n/gm;

/** `forge goal` as a process of its own; runs and what is accepted stay in the project's folder. */
export async function runGoalProcess({ folder, sources, commandLine, environment = {}, onEvent }: GoalOptions): Promise<GoalRun> {
  const words = ["goal", specPath(sources), "--threads", "1", "--no-playbook", ...commandLine];
  const ended = await streamForge(words, folder, onEvent, { ...keys, ...environment });
  const run = ended.events[0]?.run ?? "";
  const runDirectory = join(folder, "runs", run);
  const log = run === "" ? [] : logOf(runDirectory, run);
  return {
    code: ended.code,
    signal: ended.signal,
    errors: ended.errors.replaceAll(waiting, ""),
    events: ended.events,
    log,
    run,
    runDirectory,
  };
}

export const logOf = (runDirectory: string, run: string): ForgeEvent[] =>
  parseLog(readFileSync(join(runDirectory, "log.jsonl")), "log.jsonl", run).events;

export function modelWords(agent: ModelAgent, server: Pick<ScriptedServer, "url">): string[] {
  const url = agent === "anthropic" ? server.url : `${server.url}/v1`;
  return ["--agent", agent, "--model", modelNames[agent], "--base-url", url];
}

/** Runs it again, twice at most, where somebody else kept the machine busy. */
export async function despiteBusy(attempt: () => Promise<GoalRun>): Promise<GoalRun> {
  for (let left = 2; ; left--) {
    const ended = await attempt();
    if (left === 0 || !ended.log.some(isBusy)) return ended;
  }
}

export function eventsOf<Type extends ForgeEvent["type"]>(
  events: readonly ForgeEvent[],
  type: Type,
): Extract<ForgeEvent, { type: Type }>[] {
  return events.filter((event) => event.type === type) as Extract<ForgeEvent, { type: Type }>[];
}

export const outcomesOf = (events: readonly ForgeEvent[]): string[] =>
  eventsOf(events, "attempt-judged").map(({ verdict }) => verdict.outcome);

export const acceptedSource = (folder: string, sources: MindSources): string =>
  readFileSync(join(folder, "generated", sources.spec, "f32", "x86-64", "kernel.c"), "utf8");

/** Ids of runs end in the time at which they began. */
export function newestRun(folder: string): string {
  const [newest] = runForge(["runs", "--json"], folder)
    .stdout.split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RunSummary)
    .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  return newest!.run;
}
