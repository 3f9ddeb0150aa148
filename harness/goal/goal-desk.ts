import type { AgentBriefing, JudgedAttempt } from "../../specs/contracts/agent.js";
import type { OpenRun } from "../../specs/contracts/store.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import type { JudgeWatcher } from "../../verifiers/judge.js";
import type { Examiner } from "../examiner.js";
import { excused, excusedVerdict, type MissingExtensions } from "../missing-extensions.js";
import type { Placement, Strategy, StrategyView } from "../strategies/strategy.js";
import type { Budget } from "./budget.js";
import { bestOf, ratioOf } from "./judged.js";
import { TurnTaking } from "./turn-taking.js";

export interface PlacedAttempt extends JudgedAttempt {
  base: number | null;
}

type Submitted = Omit<PlacedAttempt, "verdict">;

interface Waiting {
  lane: number;
  resolve: (placement: Placement) => void;
}

/** What all lanes of a goal share: the run, the exam room, the budget, the attempts, and the strategy that says where each goes on. */
export class GoalDesk {
  readonly judged: PlacedAttempt[];
  private readonly turns = new TurnTaking();
  private readonly open = new Set<number>();
  private waiting: Waiting[] = [];
  private readonly onFirstPass: (() => void)[] = [];
  /** Set by the first lane that fails: the others end at their next step. */
  isStopped = false;
  bestTrialSeconds = Number.POSITIVE_INFINITY;

  constructor(
    readonly briefing: AgentBriefing,
    readonly room: Examiner,
    readonly run: OpenRun,
    readonly budget: Budget,
    readonly strategy: Strategy,
    judged: PlacedAttempt[],
    readonly signal: AbortSignal,
    /** Of code that was certified elsewhere and is handed in again: what is missing here of that machine. */
    private readonly missing: MissingExtensions | null = null,
  ) {
    this.judged = judged;
  }

  /** Building, running and timing happen one at a time, whatever the lanes. */
  onMachine<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.turns.take(() => {
      this.signal.throwIfAborted();
      return work();
    });
  }

  stop(): void {
    this.isStopped = true;
  }

  openLane(lane: number): void {
    this.open.add(lane);
  }

  closeLane(lane: number): void {
    this.open.delete(lane);
    this.settleWaiting();
  }

  /** Resolves once an attempt of this run has passed, at once where one has; false where all lanes were closed before. */
  firstPass(): Promise<boolean> {
    if (this.judged.some(isAccepted)) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.onFirstPass.push(() => resolve(this.judged.some(isAccepted)));
    });
  }

  /** Nobody will pass any more. */
  giveUpWaiting(): void {
    for (const tell of this.onFirstPass.splice(0)) tell();
  }

  nextAttempt(): number {
    const submitted = this.run.events().flatMap((event) => (event.type === "attempt-submitted" ? [event.attempt] : []));
    return Math.max(0, ...submitted) + 1;
  }

  /** Judges an attempt that is in the log already and whose verdict a crash prevented. */
  judgeAttempt(attempt: Submitted): Promise<Verdict> {
    return this.onMachine(() => this.judge(attempt));
  }

  /** Has an attempt submitted and judged, with nobody else's in between: up to a verdict, the log's last attempt is the one it judges. */
  submitAndJudge(submit: () => Promise<Submitted>): Promise<number> {
    return this.onMachine(async () => {
      const submitted = await submit();
      await this.judge(submitted);
      return submitted.attempt;
    });
  }

  private async judge(attempt: Submitted): Promise<Verdict> {
    const number = attempt.attempt;
    const watcher: JudgeWatcher = {
      started: (check) => this.run.append({ type: "check-started", attempt: number, check }),
      finished: (result) => this.run.append({ type: "check-finished", attempt: number, result: excused(result, this.missing) }),
    };
    const said = await this.room.judge(attempt.candidate, false, watcher, `attempt ${number} of ${this.run.id}`);
    const verdict = excusedVerdict(said, this.missing);
    const judged: PlacedAttempt = { ...attempt, verdict };
    const best = bestOf([...this.judged, judged]);
    this.run.append({ type: "attempt-judged", attempt: number, verdict, bestRatio: best ? ratioOf(best.verdict) : null });
    // Only now does it count: a verdict that the log could not take is given again after --resume.
    this.judged.push(judged);
    if (isAccepted(judged)) this.giveUpWaiting();
    this.settleWaiting();
    return verdict;
  }

  /** Where a lane goes on after its newest attempt; waits where the strategy has it wait for others. */
  placement(lane: number): Promise<Placement> {
    return new Promise((resolve) => {
      this.waiting.push({ lane, resolve });
      this.settleWaiting();
    });
  }

  opening(lane: number): Placement {
    return this.strategy.opening(lane, this.view());
  }

  private view(): StrategyView {
    return { attempts: [...this.judged].sort((a, b) => a.attempt - b.attempt), open: this.open };
  }

  private settleWaiting(): void {
    const view = this.view();
    this.waiting = this.waiting.filter(({ lane, resolve }) => {
      const placement = this.strategy.next(lane, view);
      if (placement !== "wait") resolve(placement);
      return placement === "wait";
    });
  }
}
