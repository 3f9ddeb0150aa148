import type { AgentBriefing, AgentTools, Trial, TrialResult } from "../specs/contracts/agent.js";
import type { OpenRun } from "../specs/contracts/store.js";
import type { Candidate } from "../specs/contracts/target.js";
import type { SpeedFigure, Verdict } from "../specs/contracts/verdict.js";
import type { ExamRoom } from "./exam-room.js";

export interface Judged {
  attempt: number;
  summary: string;
  candidate: Candidate;
  verdict: Verdict;
}

export interface Budget {
  attempts: number;
  minutes: number;
}

/** The tools that the harness hands to an agent for one run; each leaves its events in the run's log before it returns. */
export class GoalTools implements AgentTools {
  private workspace: Candidate | null = null;
  private bestTrial = Number.POSITIVE_INFINITY;

  constructor(
    readonly briefing: AgentBriefing,
    private readonly room: ExamRoom,
    private readonly run: OpenRun,
    private readonly budget: Budget,
    private readonly judged: Judged[],
    /** Milliseconds that earlier sessions of this run took. */
    private readonly earlierMs: number,
    private readonly startedAtMs: number,
    private readonly signal: AbortSignal,
  ) {}

  async write(candidate: Candidate): Promise<void> {
    this.workspace = candidate;
  }

  announceTrials(count: number): void {
    this.run.append({ type: "tuning-started", trialsPlanned: count });
  }

  async measure(trial: Trial): Promise<TrialResult> {
    this.signal.throwIfAborted();
    if (!this.budgetLeft()) throw new Error("the budget is spent");
    const entries = await this.room.try(trial.candidate);
    const answers = Object.values(entries);
    const seconds = answers.reduce((sum, answer) => sum + (answer.status === "measured" ? answer.seconds : Number.POSITIVE_INFINITY), 0);
    const best = seconds < this.bestTrial;
    if (best) this.bestTrial = seconds;
    const detail = Object.entries(entries)
      .map(([name, answer]) => `${name} ${answer.status === "measured" ? `${(answer.seconds * 1e3).toFixed(3)} ms` : answer.reason}`)
      .join(", ");
    this.run.append({
      type: "trial-finished",
      label: trial.label,
      status: Number.isFinite(seconds) ? "measured" : "rejected",
      seconds: Number.isFinite(seconds) ? seconds : null,
      best,
      detail,
    });
    return { label: trial.label, entries };
  }

  async submit(summary: string): Promise<Verdict> {
    this.signal.throwIfAborted();
    if (!this.budgetLeft()) throw new Error("the budget is spent");
    if (this.workspace === null) throw new Error("the workspace is empty: write before you submit");
    const candidate = this.workspace;
    const attempt = Math.max(0, ...this.judged.map((earlier) => earlier.attempt)) + 1;
    const { commit, tree } = await this.run.commit(candidate, summary);
    this.run.append({ type: "attempt-submitted", attempt, commit, tree, summary });
    return this.judgeAttempt(attempt, candidate, summary);
  }

  /** Judges an attempt that is in the log already: a fresh one, or one whose verdict a crash prevented. */
  async judgeAttempt(attempt: number, candidate: Candidate, summary: string): Promise<Verdict> {
    const verdict = await this.room.judge(candidate, false, {
      started: (check) => this.run.append({ type: "check-started", attempt, check }),
      finished: (result) => this.run.append({ type: "check-finished", attempt, result }),
    });
    const judged: Judged = { attempt, summary, candidate, verdict };
    const best = bestOf([...this.judged, judged]);
    this.run.append({ type: "attempt-judged", attempt, verdict, bestRatio: best ? ratioOf(best.verdict) : null });
    // Only now does it count: a verdict that the log could not take is given again after --resume.
    this.judged.push(judged);
    return verdict;
  }

  note(text: string): void {
    this.run.append({ type: "agent-noted", text });
  }

  budgetLeft(): boolean {
    const spentMs = this.earlierMs + performance.now() - this.startedAtMs;
    return !this.signal.aborted && this.judged.length < this.budget.attempts && spentMs < this.budget.minutes * 60_000;
  }

  history(): { summary: string; candidate: Candidate; verdict: Verdict }[] {
    return this.judged;
  }
}

const figuresOf = (verdict: Verdict): SpeedFigure[] => {
  const check = verdict.checks.findLast((result) => "figures" in result && (result.figures?.length ?? 0) > 0);
  return check && "figures" in check ? (check.figures ?? []) : [];
};

/** Geometric mean over entries and sizes of the last measurement: the confirmation where there is one. */
export function ratioOf(verdict: Verdict): number | null {
  const figures = figuresOf(verdict);
  if (figures.length === 0) return null;
  return Math.exp(figures.reduce((sum, figure) => sum + Math.log(figure.ratio), 0) / figures.length);
}

/** Surpassed before passed, then the higher ratio; null where nothing passed. */
export function bestOf(judged: Judged[]): Judged | null {
  const accepted = judged.filter(({ verdict }) => verdict.outcome === "passed" || verdict.outcome === "surpassed");
  const rank = ({ verdict }: Judged) => (verdict.outcome === "surpassed" ? 1000 : 0) + Math.log(ratioOf(verdict) ?? 1e-9);
  return accepted.sort((a, b) => rank(b) - rank(a))[0] ?? null;
}
