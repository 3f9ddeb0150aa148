import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { AgentBriefing } from "../specs/contracts/agent.js";
import type { EventBody, ExamSummary, ForgeEvent, GoalDescription, RunEnd } from "../specs/contracts/event.js";
import type { LoadedSpec } from "../specs/contracts/spec.js";
import { type OpenRun, StoreError } from "../specs/contracts/store.js";
import { acceptanceOf } from "./accepted-record.js";
import { chooseAgent } from "./agents.js";
import { type AcceptedOptions, writeAccepted } from "./certificate.js";
import { ExamRoom } from "./exam-room.js";
import { forgeVersion } from "./forge-version.js";
import { bestOf, GoalTools, type Judged, ratioOf } from "./goal-tools.js";
import { openOrResume, pendingAttempts, readJudged, spentMs } from "./resume-run.js";
import { diskFull } from "./store/disk-full.js";
import { openRunStore } from "./store/run-store.js";

export interface GoalOptions {
  loaded: LoadedSpec;
  variant: string;
  target: string;
  agent: string;
  /** Judge what stands in this folder instead of having an agent write. */
  from?: string;
  threads?: number;
  budget?: { attempts?: number; minutes?: number };
  resume?: string | true;
  runsDirectory: string;
  outputDirectory: string;
  unsafe: boolean;
  /** What examining the exam found; goes into the certificate. */
  exam?: ExamSummary;
  onEvent: (event: ForgeEvent) => void;
  signal: AbortSignal;
}

export interface GoalResult {
  end: RunEnd;
  run: string;
  directory: string | null;
}

/** The loop of Forge, as in docs/architecture.md: spec, goal, agent, attempt, verdict, and what was accepted. */
export async function runGoal(options: GoalOptions): Promise<GoalResult> {
  const startedAtMs = performance.now();
  const agent = chooseAgent(options.agent, options.from);
  const room = await ExamRoom.open(options);
  try {
    const goal = describeGoal(options, agent.name, room);
    const opened = await openOrResume(openRunStore(options.runsDirectory), goal, options.resume);
    const run = announcing(opened.run, options.onEvent);
    try {
      beginLog(run, goal, room, opened.truncatedBytes, options.exam);
      const judged = await readJudged(run);
      const tools = new GoalTools(
        await brief(options, room),
        room,
        run,
        goal.budget,
        judged,
        spentMs(run.events()),
        startedAtMs,
        options.signal,
      );
      let end: RunEnd | null = null;
      let message = "";
      try {
        for (const { attempt, candidate, summary } of await pendingAttempts(run)) await tools.judgeAttempt(attempt, candidate, summary);
        await agent.work(tools);
        // An agent that found its budget gone because of Ctrl-C has not finished.
        options.signal.throwIfAborted();
      } catch (error) {
        end = options.signal.aborted ? "interrupted" : "errored";
        message = options.signal.aborted ? "" : error instanceof Error ? error.message : String(error);
      }
      const directory = end === null ? await accept(options, room, run, judged) : null;
      end ??= endOf(judged, tools.budgetLeft());
      run.append({
        type: "run-finished",
        end,
        attempts: judged.length,
        elapsedMs: spentMs(run.events()) + performance.now() - startedAtMs,
        message,
      });
      return { end, run: run.id, directory };
    } finally {
      run.close();
    }
  } finally {
    await room.close();
  }
}

function describeGoal(options: GoalOptions, agent: string, room: ExamRoom): GoalDescription {
  const { loaded } = options;
  return {
    spec: loaded.spec.name,
    specPath: relative(process.cwd(), loaded.path),
    specHash: loaded.hash,
    variant: options.variant,
    target: options.target,
    agent,
    threads: room.threads,
    budget: { ...loaded.spec.budget, ...options.budget },
  };
}

/** Every event reaches whoever watches, after it is durable. */
function announcing(run: OpenRun, onEvent: (event: ForgeEvent) => void): OpenRun {
  return Object.assign(Object.create(run) as OpenRun, {
    append(body: EventBody): ForgeEvent {
      const event = run.append(body);
      onEvent(event);
      return event;
    },
  });
}

function beginLog(run: OpenRun, goal: GoalDescription, room: ExamRoom, truncatedBytes: number, exam: ExamSummary | undefined): void {
  const events = run.events();
  const [started] = events;
  if (started !== undefined) {
    // The certificate tells of one sandbox: that of all attempts.
    if (started.type === "run-started" && started.sandbox.kind !== room.protection.kind)
      throw new StoreError(
        `run ${run.id} began with sandbox ${started.sandbox.kind}, this would go on with ${room.protection.kind}; begin a new run`,
      );
    run.append({ type: "run-resumed", attemptsSoFar: events.filter((event) => event.type === "attempt-judged").length, truncatedBytes });
    return;
  }
  run.append({
    type: "run-started",
    formatVersion: 1,
    goal,
    machine: room.machine,
    sandbox: room.protection,
    forgeVersion: forgeVersion(),
    ...(exam ? { exam } : {}),
  });
}

async function brief(options: GoalOptions, room: ExamRoom): Promise<AgentBriefing> {
  return {
    loaded: options.loaded,
    variantName: options.variant,
    variant: room.variant,
    threads: room.threads,
    machine: room.machine,
    toolchains: room.toolchains,
    tuningSpace: room.target.tuningSpace(room.variant),
    chipFacts: await room.target.facts(),
    header: room.support["forge_kernel.h"]!,
  };
}

/** Writes the best attempt to the output folder with its certificate; returns the folder. */
async function accept(options: GoalOptions, room: ExamRoom, run: OpenRun, judged: Judged[]): Promise<string | null> {
  const best = bestOf(judged);
  if (best === null) return null;
  // Killed between this event and the last: it was accepted, and what lies there now may be somebody's newer one.
  const accepted = acceptanceOf(run.events(), best.attempt);
  if (accepted !== null && existsSync(accepted.directory)) return resolve(accepted.directory);
  const baseline = await room.baseline();
  const directory = writeTo(options.outputDirectory, run.id, {
    generated: options.outputDirectory,
    candidate: best.candidate,
    events: run.events(),
    attempt: best.attempt,
    referenceHash: options.loaded.referenceHash,
    toolchains: room.toolchains.map(({ name, version }) => ({ name, version })),
    baseline: { compiler: baseline.compilers.join(", "), flags: baseline.flags, sourceHash: baseline.sourceHash },
    repeat: (folder) => `forge check ${folder}`,
  });
  run.append({
    type: "framework-accepted",
    attempt: best.attempt,
    outcome: best.verdict.outcome,
    directory: relative(process.cwd(), directory),
    ratio: ratioOf(best.verdict),
  });
  return directory;
}

/** As `writeAccepted`, where a full disk is told as one: the run stays unfinished, and --resume accepts. */
function writeTo(outputDirectory: string, run: string, accepted: AcceptedOptions): string {
  try {
    return writeAccepted(accepted);
  } catch (error) {
    throw diskFull(error, outputDirectory, run) ?? error;
  }
}

function endOf(judged: Judged[], budgetLeft: boolean): RunEnd {
  const best = bestOf(judged);
  if (best) return best.verdict.outcome === "surpassed" ? "surpassed" : "passed";
  if (judged.some(({ verdict }) => verdict.outcome === "errored")) return "errored";
  return budgetLeft ? "nothing-passed" : "budget-spent";
}
