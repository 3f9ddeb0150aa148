import type { ForgeEvent, GoalDescription } from "../specs/contracts/event.js";
import { type OpenRun, type RunStore, StoreError } from "../specs/contracts/store.js";
import type { PlacedAttempt } from "./goal/goal-desk.js";

/** A new run, or the one to go on with: the run named, or the newest unfinished one of the same goal. */
export async function openOrResume(
  store: RunStore,
  goal: GoalDescription,
  resume: string | true | undefined,
): Promise<{ run: OpenRun; truncatedBytes: number }> {
  if (resume === undefined) return { run: await store.create(goal), truncatedBytes: 0 };
  const id = resume === true ? store.newestUnfinished(goal) : resume;
  if (id === null)
    throw new StoreError(
      `there is no unfinished run of ${goal.spec} ${goal.variant} ${goal.target} by ${goal.agent}; leave out --resume to begin one, or name a run that has ended (\`forge runs\`) to go on with it`,
    );
  const opened = await store.open(id);
  try {
    refuseOtherGoal(opened.run, goal);
    return opened;
  } catch (error) {
    opened.run.close();
    throw error;
  }
}

function refuseOtherGoal(run: OpenRun, goal: GoalDescription): void {
  const started = run.events()[0];
  if (started?.type !== "run-started") throw new StoreError(`run ${run.id} never started; begin a new one`);
  for (const key of ["spec", "variant", "target", "agent", "threads", "specHash", "strategy"] as const)
    if (started.goal[key] !== goal[key])
      throw new StoreError(`run ${run.id} has ${key} ${started.goal[key]}, this goal has ${goal[key]}; begin a new run`);
}

/** Attempts of the log with their verdicts, in the order in which they were judged. */
export async function readJudged(run: OpenRun): Promise<PlacedAttempt[]> {
  const judged: PlacedAttempt[] = [];
  for (const event of run.events()) {
    if (event.type !== "attempt-judged") continue;
    judged.push({ ...(await asSubmitted(run, submittedAs(run.events(), event.attempt))), verdict: event.verdict });
  }
  return judged;
}

/** Attempts that were submitted but whose verdict a crash prevented. */
export async function pendingAttempts(run: OpenRun): Promise<Omit<PlacedAttempt, "verdict">[]> {
  const judged = new Set(run.events().flatMap((event) => (event.type === "attempt-judged" ? [event.attempt] : [])));
  const pending: Omit<PlacedAttempt, "verdict">[] = [];
  for (const event of run.events())
    if (event.type === "attempt-submitted" && !judged.has(event.attempt)) pending.push(await asSubmitted(run, event));
  return pending;
}

async function asSubmitted(run: OpenRun, event: Submitted): Promise<Omit<PlacedAttempt, "verdict">> {
  const { attempt, summary, lane = 0, base = null } = event;
  return { attempt, summary, lane, base, candidate: await run.read(event.commit) };
}

type Submitted = Extract<ForgeEvent, { type: "attempt-submitted" }>;

function submittedAs(events: readonly ForgeEvent[], attempt: number): Submitted {
  const event = events.find((candidate) => candidate.type === "attempt-submitted" && candidate.attempt === attempt);
  if (event?.type !== "attempt-submitted") throw new StoreError(`the log judges attempt ${attempt}, which it never saw submitted`);
  return event;
}

/** Wall time of earlier sessions: from each start or resumption to the last event before the next. */
export function spentMs(events: readonly ForgeEvent[]): number {
  let spent = 0;
  let from: number | null = null;
  let last = 0;
  for (const event of events) {
    const at = Date.parse(event.at);
    if (event.type === "run-started" || event.type === "run-resumed") {
      if (from !== null) spent += last - from;
      from = at;
    }
    last = at;
  }
  return spent;
}
