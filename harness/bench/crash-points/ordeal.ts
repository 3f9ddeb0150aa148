import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { exitCodes } from "../../cli/exit-codes.js";
import { fullDiskProblems } from "./full-disk.js";
import { certificateIn, eventsIn, folderState, indexIsEqual, leftovers, lostLines, miscounted } from "./invariants.js";
import { type KillResult, type Phase, phaseAfter } from "./phases.js";
import { goalWords, type Project } from "./project.js";
import { type Bench, type Crash, runSession, type Session, wasKilled } from "./session.js";

export interface PlannedKill {
  phase: Phase;
  name: string;
  crash: Crash;
}

/** One project in which a goal is killed and resumed, as often as one likes, and then left to end. */
export class Ordeal {
  readonly results: KillResult[] = [];
  private readonly told: string[] = [];
  private readonly pids: number[] = [];
  private readonly old: string | null;
  private startedAtMs = performance.now();

  constructor(
    private readonly bench: Bench,
    readonly project: Project,
    private readonly agent: "resubmit" | "autotune" = "resubmit",
  ) {
    this.old = certificateIn(project);
  }

  /** Starts the goal, or goes on with it, and kills it. */
  async kill(planned: PlannedKill): Promise<KillResult> {
    this.startedAtMs = performance.now();
    const session = await this.goal(planned.crash);
    const moment = planned.crash.kind === "moment" ? phaseAfter(session.told) : planned.phase;
    const isFull = planned.crash.kind === "call" && planned.crash.how === "full";
    const crashed = planned.crash.kind === "call" && isFull ? session.calls >= planned.crash.at : wasKilled(session);
    const result: KillResult = {
      // A moment that came late is booked where it hit.
      phase: moment ?? planned.phase,
      name: planned.name,
      killed: crashed && moment !== null,
      resumed: false,
      told: this.told.length,
      lost: lostLines(this.project, this.told).length,
      twice: 0,
      indexEqual: false,
      problems: isFull && crashed ? fullDiskProblems(planned.crash, session, this.project) : [],
      seconds: 0,
    };
    if (!crashed && session.end.value > 1 && !nothingToResume(session) && !isBusy(eventsIn(this.project)))
      result.problems.push(`ended with code ${session.end.value}: ${session.errors.trim()}`);
    if (session.left !== "") result.problems.push(`left running: ${session.left}`);
    if (folderState(this.project, this.old) === "broken") result.problems.push("the accepted folder is a mixture");
    result.seconds = (performance.now() - this.startedAtMs) / 1000;
    this.results.push(result);
    return result;
  }

  /** Lets the goal go on to its end, and looks at what has become of everything. */
  async finish(): Promise<KillResult[]> {
    const startedAtMs = performance.now();
    const session = await this.toItsEnd();
    const events = eventsIn(this.project);
    const twice = miscounted(events);
    const lost = lostLines(this.project, this.told).length;
    const indexEqual = indexIsEqual(this.project);
    const problems = [...twice, ...leftovers(this.project, this.pids).map((what) => `left behind: ${what}`)];
    if (session.left !== "") problems.push(`left running: ${session.left}`);
    const state = folderState(this.project, this.old);
    const expected = events.some(({ type }) => type === "framework-accepted") ? "new" : this.old === null ? "absent" : "old";
    if (state !== expected) problems.push(`the accepted folder is ${state}, not ${expected}`);
    const seconds = (performance.now() - startedAtMs) / 1000;
    for (const result of this.results) {
      result.resumed = session.end.kind === "code" && (session.end.value <= 1 || isBusy(events));
      if (!result.resumed)
        result.problems.push(`the resumed run ended with ${session.end.kind} ${session.end.value}: ${session.errors.trim()}`);
      result.lost = Math.max(result.lost, lost);
      result.twice = twice.length;
      result.indexEqual = indexEqual;
      result.problems.push(...problems);
      result.seconds += seconds / this.results.length;
    }
    return this.results;
  }

  /** As a person would: --resume, and where it says that there is nothing to go on with, from the beginning or not at all. */
  private async toItsEnd(): Promise<Session> {
    const session = await this.goal(null);
    if (!nothingToResume(session)) return session;
    if (eventsIn(this.project).at(-1)?.type === "run-finished") return { ...session, end: { kind: "code", value: 0 } };
    return this.goal(null, false);
  }

  private async goal(crash: Crash | null, resume = this.pids.length > 0 || eventsIn(this.project).length > 0): Promise<Session> {
    const session = await runSession(this.bench, this.project, goalWords(this.agent, resume), crash);
    this.told.push(...session.told);
    this.pids.push(session.pid);
    return session;
  }
}

const nothingToResume = ({ end, errors }: Session): boolean =>
  end.value === exitCodes.badInput && errors.includes("there is no unfinished run");

/** Somebody else's minute of work: the verdict is errored, and everything else must hold all the same. */
function isBusy(events: readonly ForgeEvent[]): boolean {
  return events.some(
    (event) => event.type === "check-finished" && event.result.status === "errored" && event.result.reason.startsWith("machine busy"),
  );
}
