import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { byOperationName, createByOperation, operationNames } from "../agents/operations/by-operation.js";
import { type AgentBriefing, AgentStopped } from "../specs/contracts/agent.js";
import type { BudgetLimits, EventBody, ExamSummary, ForgeEvent, GoalDescription, RunEnd } from "../specs/contracts/event.js";
import { type OpenRun, StoreError } from "../specs/contracts/store.js";
import { isAccepted } from "../specs/verdict-speed.js";
import { acceptanceOf } from "./accepted-record.js";
import { chooseAgent } from "./agents.js";
import { type AcceptedOptions, writeAccepted } from "./certificate.js";
import type { Examiner } from "./examiner.js";
import { forgeVersion } from "./forge-version.js";
import { Budget, BudgetSpent } from "./goal/budget.js";
import { GoalDesk, type PlacedAttempt } from "./goal/goal-desk.js";
import type { ExaminerOptions, GoalOptions, GoalResult } from "./goal/goal-options.js";
import { bestOf, ratioOf } from "./goal/judged.js";
import { workLanes } from "./goal/work-lanes.js";
import { missingExtensionsOf, missingText } from "./missing-extensions.js";
import { openRoom } from "./open-room.js";
import { RunBench } from "./operations/run-bench.js";
import { type PlaybookKey, playbookText, readLessons, writeLessons } from "./playbook/playbook.js";
import { EmbeddedExaminer } from "./queue/embedded-examiner.js";
import { openOrResume, pendingAttempts, readJudged, spentMs } from "./resume-run.js";
import { environmentSecrets, redactEvent } from "./secrets.js";
import { diskFull } from "./store/disk-full.js";
import { openRunStore } from "./store/run-store.js";
import { asMerged } from "./strategies/as-merged.js";
import { chooseStrategy } from "./strategies/choose-strategy.js";
import { abiHeaderName } from "./support-files.js";
import { TrainerRoom } from "./train/trainer-room.js";

const openExaminer = (options: ExaminerOptions & Pick<GoalOptions, "examiner">): Promise<Examiner> =>
  (options.examiner ?? openRoom)(options);

/** The loop of Forge, as in docs/architecture.md: spec, goal, agent, attempt, verdict, and what was accepted. */
export async function runGoal(options: GoalOptions): Promise<GoalResult> {
  const startedAtMs = performance.now();
  const inner = await chooseAgent(options.agent, { ...options.loaded.spec.budget, ...options.budget }, options.runsDirectory);
  const agentName = options.byOperation ? byOperationName(inner.name) : inner.name;
  const strategy = options.byOperation ? asMerged : chooseStrategy(inner.strategy ?? options.strategy ?? "linear");
  const room = await openExaminer(options);
  try {
    const goal = describeGoal(options, agentName, strategy.name, room);
    const opened = await openOrResume(openRunStore(options.runsDirectory), goal, options.resume);
    const run = announcing(opened.run, options.onEvent, environmentSecrets());
    let examiner: Examiner | null = null;
    try {
      beginLog(run, goal, room, opened.truncatedBytes, options.exam);
      examiner = await judgesOf(options, room, run);
      const budget = new Budget(goal.budget, () => run.events(), spentMs(run.events()), startedAtMs);
      const missing = missingHere(options, room);
      const desk = new GoalDesk(
        await brief(options, room, goal.budget),
        examiner,
        run,
        budget,
        strategy,
        await readJudged(run),
        options.signal,
        missing,
      );
      let end: RunEnd | null = null;
      let message = "";
      try {
        for (const pending of await pendingAttempts(run)) await desk.judgeAttempt(pending);
        const agent = options.byOperation ? createByOperation(inner.name, operationBench(options, room, run, budget)) : inner;
        await workLanes(agent, desk);
        // An agent that found its budget gone because of Ctrl-C has not finished.
        options.signal.throwIfAborted();
      } catch (error) {
        // Work that began within the budget may find it gone by the time that it would submit.
        const isOver = error instanceof BudgetSpent && !options.signal.aborted;
        if (!isOver) end = options.signal.aborted ? "interrupted" : error instanceof AgentStopped ? "agent-stopped" : "errored";
        if (!isOver) message = options.signal.aborted ? "" : error instanceof Error ? error.message : String(error);
      }
      // Whoever stopped for want of money or a model has still left what it made.
      const directory = end === null || end === "agent-stopped" ? await accept(options, room, run, desk.judged) : null;
      const spent = budget.exhausted();
      end ??= endOf(chosenOf(options, desk.judged), desk.judged, spent);
      if (message === "" && end === "errored" && missing !== null) message = missingText(missing);
      if (message === "" && spent !== null && end !== "surpassed") message = `the budget of ${spent} is spent`;
      run.append({
        type: "run-finished",
        end,
        attempts: desk.judged.length,
        elapsedMs: spentMs(run.events()) + performance.now() - startedAtMs,
        message,
      });
      writeLessons(options.runsDirectory, playbookKey(options, room), run.events());
      return { end, run: run.id, directory };
    } finally {
      await examiner?.close();
      run.close();
    }
  } finally {
    await room.close();
  }
}

function operationBench(options: GoalOptions, room: Examiner, run: OpenRun, budget: Budget): RunBench {
  if (!(room instanceof TrainerRoom)) throw new Error("a trainer is made of operations where it is judged: on this machine");
  return new RunBench({ room, goal: options, run, budget, runGoal, names: operationNames });
}

/** Attempts of a room on this machine stand in a queue beside the run; others stand in the queue that they are sent through. */
const judgesOf = async (options: GoalOptions, room: Examiner, run: OpenRun): Promise<Examiner> =>
  options.examiner ? room : EmbeddedExaminer.open({ ...options, room, run: run.id, directory: run.directory });

/** What code that is handed in was certified with and this machine lacks; of workers elsewhere, each with its own, nothing is known. */
const missingHere = ({ agent, loaded, examiner }: GoalOptions, room: Examiner) =>
  agent.from === undefined || examiner ? null : missingExtensionsOf(agent.from, loaded, room.machine);

const playbookKey = (options: BriefingOptions, room: Examiner): PlaybookKey => ({
  spec: options.loaded.spec.name,
  target: options.target,
  cpuModel: room.machine.cpuModel,
});

function describeGoal(options: GoalOptions, agent: string, strategy: string, room: Examiner): GoalDescription {
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
    ...(strategy === "linear" ? {} : { strategy }),
  };
}

/** Every event reaches whoever watches, after it is durable; secrets of the environment reach neither. */
function announcing(run: OpenRun, onEvent: (event: ForgeEvent) => void, secrets: string[]): OpenRun {
  return Object.assign(Object.create(run) as OpenRun, {
    append(body: EventBody): ForgeEvent {
      const event = run.append(redactEvent(body, secrets));
      onEvent(event);
      return event;
    },
  });
}

function beginLog(run: OpenRun, goal: GoalDescription, room: Examiner, truncatedBytes: number, exam: ExamSummary | undefined): void {
  const events = run.events();
  const [started] = events;
  if (started !== undefined) {
    // The certificate tells of one sandbox: that of all attempts.
    if (started.type === "run-started" && started.sandbox.kind !== room.protection.kind)
      throw new StoreError(
        `run ${run.id} began with sandbox ${started.sandbox.kind}, this would go on with ${room.protection.kind}; begin a new run`,
      );
    if (started.type === "run-started" && started.machine.cpuModel !== room.machine.cpuModel)
      throw new StoreError(
        `run ${run.id} began on ${started.machine.cpuModel}, this would go on on ${room.machine.cpuModel}; resume it there, or begin a new run`,
      );
    const attemptsSoFar = events.filter((event) => event.type === "attempt-judged").length;
    run.append({ type: "run-resumed", attemptsSoFar, truncatedBytes, budget: goal.budget });
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

type BriefingOptions = Pick<
  GoalOptions,
  "loaded" | "variant" | "target" | "threads" | "budget" | "playbook" | "runsDirectory" | "unsafe" | "signal" | "examiner"
>;

/** What an agent of such a goal would be told, without beginning one. */
export async function briefingFor(options: BriefingOptions): Promise<AgentBriefing> {
  const room = await openExaminer(options);
  try {
    return await brief(options, room, { ...options.loaded.spec.budget, ...options.budget });
  } finally {
    await room.close();
  }
}

async function brief(options: BriefingOptions, room: Examiner, budget: BudgetLimits): Promise<AgentBriefing> {
  return {
    loaded: options.loaded,
    variantName: options.variant,
    variant: room.variant,
    targetName: options.target,
    threads: room.threads,
    machine: room.machine,
    toolchains: room.toolchains,
    tuningSpace: room.tuningSpace(),
    chipFacts: await room.chipFacts(),
    header: room.support[abiHeaderName(options.loaded)]!,
    playbook: options.playbook ? playbookText(readLessons(options.runsDirectory, playbookKey(options, room))) : "",
    budget,
  };
}

/** Writes what the goal has come to to the output folder with its certificate; returns the folder. */
async function accept(options: GoalOptions, room: Examiner, run: OpenRun, judged: PlacedAttempt[]): Promise<string | null> {
  const best = chosenOf(options, judged);
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
    exam: options.loaded,
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

/** What the goal comes to: the best; of a trainer made of operations what was merged last, each by a race with the one before. */
const chosenOf = ({ byOperation }: GoalOptions, judged: PlacedAttempt[]): PlacedAttempt | null =>
  byOperation ? (judged.findLast(isAccepted) ?? null) : bestOf(judged);

function endOf(best: PlacedAttempt | null, judged: PlacedAttempt[], budgetSpent: string | null): RunEnd {
  if (best) return best.verdict.outcome === "surpassed" ? "surpassed" : "passed";
  if (judged.some(({ verdict }) => verdict.outcome === "errored")) return "errored";
  return budgetSpent === null ? "nothing-passed" : "budget-spent";
}
