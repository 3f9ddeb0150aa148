import { join } from "node:path";
import type {
  AgentBriefing,
  AgentTools,
  DeskFolder,
  JudgedAttempt,
  ShellResult,
  Submission,
  Trial,
  TrialResult,
} from "../../specs/contracts/agent.js";
import type { ConversationEvent } from "../../specs/contracts/event.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { candidateBytes } from "../candidate-files.js";
import type { Placement } from "../strategies/strategy.js";
import { BudgetSpent } from "./budget.js";
import { deskFolder } from "./desk-folder.js";
import type { GoalDesk, PlacedAttempt } from "./goal-desk.js";
import { attemptText } from "./judged.js";
import { LaneWorkspace } from "./lane-workspace.js";
import { runShell } from "./sandbox-shell.js";

/** The tools that the harness hands to an agent for one lane of a run; each leaves its events in the run's log before it returns. */
export class LaneTools implements AgentTools {
  readonly briefing: AgentBriefing;
  readonly signal: AbortSignal;
  readonly workspace: LaneWorkspace;
  private notes: string;
  private base: number | null;

  constructor(
    private readonly desk: GoalDesk,
    readonly lane: number,
  ) {
    this.briefing = desk.briefing;
    this.signal = desk.signal;
    const events = desk.run.events();
    this.workspace = LaneWorkspace.restore(events, lane);
    const noted = events.findLast((event) => event.type === "notes-written" && event.lane === lane);
    this.notes = noted?.type === "notes-written" ? noted.text : "";
    this.base = this.lastBase();
  }

  get opening(): string {
    const opened = this.desk.run.events().find((event) => event.type === "lane-opened" && event.lane === this.lane);
    return opened?.type === "lane-opened" ? opened.text : "";
  }

  /** For a lane that begins: its files and the first word to its agent. */
  begin(placement: Placement): void {
    this.place(placement);
    this.desk.run.append({ type: "lane-opened", lane: this.lane, base: placement.base, text: placement.text ?? "" });
  }

  get run(): string {
    return this.desk.run.id;
  }

  get support(): Readonly<Record<string, string>> {
    return this.desk.room.support;
  }

  get forgeCommand(): string {
    return [process.execPath, ...process.execArgv, process.argv[1] ?? ""].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  }

  openFolder(): DeskFolder {
    const path = join(this.desk.run.directory, this.lane === 0 ? "desk" : `desk-${this.lane}`);
    return deskFolder(path, this.support, { snapshot: () => this.workspace.snapshot(), adopt: (files) => this.adopt(files) });
  }

  async shell(command: string): Promise<ShellResult> {
    const { room } = this.desk;
    const outcome = await this.desk.onMachine(() => runShell(room.sandbox, this.workspace.snapshot(), room.support, command));
    this.workspace.become(outcome.files);
    return outcome.result;
  }

  async check(): Promise<Verdict> {
    this.refuseWithoutBudget();
    const candidate = this.workspace.candidate();
    return this.desk.onMachine(() => this.desk.room.judge(candidate, true, { started: () => {}, finished: () => {} }));
  }

  profile(entry: string, timedSize: number): Promise<string> {
    const candidate = this.workspace.candidate();
    return this.desk.onMachine(() => this.desk.room.profile(candidate, entry, timedSize));
  }

  announceTrials(count: number): void {
    this.desk.run.append({ type: "tuning-started", trialsPlanned: count });
  }

  async measure(trial: Trial): Promise<TrialResult> {
    this.refuseWithoutBudget();
    const entries = await this.desk.onMachine(() => this.desk.room.try(trial.candidate));
    const answers = Object.values(entries);
    const seconds = answers.reduce((sum, answer) => sum + (answer.status === "measured" ? answer.seconds : Number.POSITIVE_INFINITY), 0);
    const best = seconds < this.desk.bestTrialSeconds;
    if (best) this.desk.bestTrialSeconds = seconds;
    const detail = Object.entries(entries)
      .map(([name, answer]) => `${name} ${answer.status === "measured" ? `${(answer.seconds * 1e3).toFixed(3)} ms` : answer.reason}`)
      .join(", ");
    this.desk.run.append({
      type: "trial-finished",
      label: trial.label,
      status: Number.isFinite(seconds) ? "measured" : "rejected",
      seconds: Number.isFinite(seconds) ? seconds : null,
      best,
      detail,
    });
    return { label: trial.label, entries };
  }

  async submit(summary: string, lessons: string[] = []): Promise<Submission> {
    const unanswered = this.unansweredAttempt(summary);
    const attempt = unanswered?.attempt ?? (await this.submitAnew(summary, lessons));
    const judged = this.desk.judged.find((candidate) => candidate.attempt === attempt)!;
    const answered = this.desk.run.events().findLast((event) => event.type === "submission-answered" && event.attempt === attempt);
    // Decided before a crash: others may have gone on since, and the decision would be another.
    if (answered?.type === "submission-answered") return { attempt, verdict: judged.verdict, direction: answered.direction };
    const placement = await this.desk.placement(this.lane);
    this.place(placement);
    this.desk.run.append({ type: "submission-answered", attempt, lane: this.lane, base: placement.base, direction: placement.text });
    return { attempt, verdict: judged.verdict, direction: placement.text };
  }

  readNotes(): string {
    return this.notes;
  }

  writeNotes(text: string): void {
    this.notes = text;
    this.desk.run.append({ type: "notes-written", lane: this.lane, text });
  }

  note(text: string): void {
    this.desk.run.append({ type: "agent-noted", text });
  }

  record(event: ConversationEvent): void {
    const changed = event.type === "tool-called" ? this.workspace.takeChanges() : null;
    this.desk.run.append(event.type === "tool-called" && changed !== null ? { ...event, changed } : event);
  }

  /** Takes over what somebody outside did to the files. */
  private adopt(files: ReadonlyMap<string, string>): void {
    this.workspace.become(files);
    this.logChanges("outside");
  }

  conversation(): readonly ConversationEvent[] {
    return this.desk.run
      .events()
      .filter(
        (event) =>
          (event.type === "agent-turned" || event.type === "tool-called" || event.type === "conversation-compacted") &&
          event.lane === this.lane,
      ) as readonly ConversationEvent[];
  }

  budgetLeft(): boolean {
    return !this.signal.aborted && !this.desk.isStopped && this.desk.budget.exhausted() === null;
  }

  history(): readonly JudgedAttempt[] {
    return this.desk.judged;
  }

  private async submitAnew(summary: string, lessons: string[]): Promise<number> {
    this.refuseWithoutBudget();
    const candidate = this.workspace.candidate();
    this.logChanges("agent");
    const { lane, base } = this;
    // Commits of several lanes go to one repository, and numbers follow the order of the log.
    return this.desk.submitAndJudge(async () => {
      // Others may have spent what was left while this one waited for the machine.
      this.refuseWithoutBudget();
      const { commit, tree } = await this.desk.run.commit(candidate, summary);
      const number = this.desk.nextAttempt();
      this.noteTwin(number, tree);
      this.desk.run.append({
        type: "attempt-submitted",
        attempt: number,
        commit,
        tree,
        summary,
        lane,
        base,
        ...(lessons.length > 0 ? { lessons } : {}),
      });
      return { attempt: number, lane, base, candidate, summary };
    });
  }

  /** The same files again get another verdict, which costs what the first did: whoever did not mean it reads why. */
  private noteTwin(number: number, tree: string): void {
    const twin = this.desk.run.events().findLast((event) => event.type === "attempt-submitted" && event.tree === tree);
    const judged = this.desk.judged.find(({ attempt }) => twin?.type === "attempt-submitted" && attempt === twin.attempt);
    if (judged) this.note(`attempt ${number} has the very files of ${attemptText(judged)}: they are judged anew`);
  }

  /** The lane's newest attempt where a crash kept its answer from the agent, who now submits the same again. */
  private unansweredAttempt(summary: string): PlacedAttempt | null {
    const events = this.desk.run.events();
    const submitted = events.findLast((event) => event.type === "attempt-submitted" && (event.lane ?? 0) === this.lane);
    if (submitted?.type !== "attempt-submitted" || submitted.summary !== summary) return null;
    const later = events.slice(submitted.sequence + 1).filter((event) => "lane" in event && event.lane === this.lane);
    if (later.some((event) => event.type === "tool-called" || event.type === "agent-turned")) return null;
    const judged = this.desk.judged.find(({ attempt }) => attempt === submitted.attempt);
    if (!judged) return null;
    // No verdict was given, and the agent knows it: it asks for another.
    if (judged.verdict.outcome === "errored" && later.some((event) => event.type === "submission-answered")) return null;
    const placed = later.some((event) => event.type === "workspace-changed" && event.by === "strategy");
    return placed || sameFiles(this.workspace, judged) ? judged : null;
  }

  private place({ base }: Placement): void {
    const attempt = base === null ? undefined : this.desk.judged.find((candidate) => candidate.attempt === base);
    if (attempt) this.workspace.replace(attempt.candidate);
    this.logChanges("strategy");
    this.base = base ?? this.desk.judged.findLast(({ lane }) => lane === this.lane)?.attempt ?? this.base;
  }

  private logChanges(by: "agent" | "strategy" | "outside"): void {
    const changed = this.workspace.takeChanges();
    if (changed !== null) this.desk.run.append({ type: "workspace-changed", lane: this.lane, changed, by });
  }

  /** What the files came from, as the log tells: the attempt that they were set to, else the lane's newest. */
  private lastBase(): number | null {
    let base: number | null = null;
    for (const event of this.desk.run.events()) {
      if (event.type === "lane-opened" && event.lane === this.lane) base = event.base;
      if (event.type === "submission-answered" && event.lane === this.lane) base = event.base ?? event.attempt;
    }
    return base;
  }

  private refuseWithoutBudget(): void {
    this.signal.throwIfAborted();
    const spent = this.desk.budget.exhausted();
    if (spent !== null) throw new BudgetSpent(`the budget of ${spent} is spent`);
  }
}

function sameFiles(workspace: LaneWorkspace, { candidate }: PlacedAttempt): boolean {
  const files = workspace.snapshot();
  const wanted = candidateBytes(candidate);
  const manifest = "forge.json";
  // forge.json is kept as its meaning, not as its text.
  return (
    files.size === wanted.size && [...wanted].every(([name, bytes]) => name === manifest || files.get(name) === bytes.toString("utf8"))
  );
}
