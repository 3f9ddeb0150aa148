import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { AgentStopped } from "../../specs/contracts/agent.js";
import type { BudgetLimits, EventBody, ForgeEvent, RunEnd } from "../../specs/contracts/event.js";
import type {
  ForgedOperation,
  MergeDecision,
  Operation,
  OperationBench,
  OperationKernel,
  PlannedOperation,
  Race,
} from "../../specs/contracts/operations.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { generateKernelHeader } from "../../specs/kernel-header.js";
import { loadSpec } from "../../specs/load-spec.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { verifyCertificate } from "../certificate.js";
import { type Budget, spendingOf } from "../goal/budget.js";
import type { GoalOptions, GoalResult } from "../goal/goal-options.js";
import { packageRoot } from "../package-root.js";
import { spentMs } from "../resume-run.js";
import { openRunStore } from "../store/run-store.js";
import type { TrainerRoom } from "../train/trainer-room.js";
import { writeOperationExam } from "./operation-exam.js";
import { operationSizes } from "./operation-sizes.js";

export interface RunBenchOptions {
  room: TrainerRoom;
  /** Of the trainer's goal. */
  goal: GoalOptions;
  run: { id: string; directory: string; events(): readonly ForgeEvent[]; append(body: EventBody): void };
  budget: Budget;
  /** Holds a goal of an operation: `runGoal`, which would otherwise be imported in a circle. */
  runGoal(options: GoalOptions): Promise<GoalResult>;
  names: readonly string[];
}

/** Ends of a goal that say something of its operation. */
const tellingEnds: ReadonlySet<RunEnd> = new Set<RunEnd>(["surpassed", "passed", "nothing-passed", "budget-spent"]);

/** Serves a goal that makes its trainer of operations: profiles, goals of operations, races, and what the run's log remembers of them. */
export class RunBench implements OperationBench {
  readonly operations: readonly Operation[];
  readonly only: readonly string[] | null;
  /** Of the operations' exams, by its types: the trainer's own may have another name. */
  private readonly variant: string;

  constructor(private readonly options: RunBenchOptions) {
    const { room, names, goal } = options;
    this.only = goal.byOperation?.only ?? null;
    this.operations = names.map((name) => {
      const loaded = loadSpec(join(packageRoot(), "specs", "kernels", `${name}.yaml`));
      return { name, loaded, header: generateKernelHeader(loaded.spec, room.variant) };
    });
    const { store, accumulate } = room.variant;
    const variants = Object.entries(this.operations[0]!.loaded.spec.variants);
    this.variant = variants.find(([, types]) => types.store === store && types.accumulate === accumulate)![0];
  }

  fileShares(whole: Candidate): Promise<Record<string, number> | null> {
    return this.options.room.fileShares(whole);
  }

  async forge(name: string): Promise<ForgedOperation> {
    const operation = this.operationOf(name);
    const remarks: string[] = [];
    const before = this.acceptedBefore(operation, remarks);
    const isEnough = before?.isValid && !this.options.goal.byOperation?.reforge;
    let isOpen = false;
    if (!isEnough && this.finished(name) === undefined) {
      const problem = await this.holdGoal(operation);
      if (problem !== null) remarks.push(problem);
      isOpen = problem !== null;
    }
    const kernels = this.kernelsAtHand(name);
    const finished = this.finished(name);
    if (finished && !existsSync(this.forgedFolder(name)))
      remarks.push(`its goal, ${finished.operationRun}, ended with nothing accepted (${finished.end})`);
    return { kernels, remarks, isOpen };
  }

  kernelsAtHand(name: string): OperationKernel[] {
    const before = this.acceptedBefore(this.operationOf(name), []);
    const forged = this.finished(name);
    const directory = this.forgedFolder(name);
    return [
      ...(before ? [before.kernel] : []),
      ...(forged && existsSync(directory)
        ? [{ label: `forged by ${forged.operationRun}`, candidate: readCandidateFolder(directory) }]
        : []),
    ];
  }

  private operationOf(name: string): Operation {
    return this.operations.find((candidate) => candidate.name === name)!;
  }

  /** What lies in the goal's output folder under the operation's own name: certified for other sizes, perhaps, but right. */
  private acceptedBefore({ name, loaded }: Operation, remarks: string[]): { kernel: OperationKernel; isValid: boolean } | null {
    const { goal } = this.options;
    const directory = join(goal.outputDirectory, name, this.variant, goal.target);
    if (!existsSync(directory)) return null;
    const { status } = verifyCertificate(directory, loaded);
    const folder = relative(process.cwd(), directory);
    if (status === "absent" || status === "broken") {
      remarks.push(`${folder} is left out: its certificate is ${status === "absent" ? "missing" : "not that of what lies there"}`);
      return null;
    }
    if (status === "stale")
      remarks.push(`the certificate of ${folder} is stale: it is taken for what it shows, and the operation forged anew`);
    return { kernel: { label: folder, candidate: readCandidateFolder(directory) }, isValid: status === "valid" };
  }

  private get folder(): string {
    return join(this.options.run.directory, "operations");
  }

  private forgedFolder(name: string): string {
    return join(this.folder, "accepted", name, this.variant, this.options.goal.target);
  }

  /** How the operation's own goal ended, where that says something of it. */
  private finished(name: string) {
    return this.eventsOf("operation-forged").findLast(({ operation, end }) => operation === name && tellingEnds.has(end));
  }

  /** The operation's goal, to its end; an interrupted one goes on. Returns why there is none, in words, where the machine kept it from one. */
  private async holdGoal(operation: Operation): Promise<string | null> {
    const { name } = operation;
    const { signal } = this.options.goal;
    let held = this.endedBefore(name) ?? (await this.runOnce(operation));
    if (held.end === "errored") held = await this.runOnce(operation);
    signal.throwIfAborted();
    if (held.end === "agent-stopped") throw new AgentStopped(`in the goal of ${name}, ${held.run}: ${held.message}`);
    return tellingEnds.has(held.end) ? null : `its goal, ${held.run}, came to no end: ${held.message}`;
  }

  /** A goal that had ended when this one was interrupted, before it could say so. */
  private endedBefore(name: string): { end: RunEnd; run: string; message: string } | null {
    const begun = this.begun(name);
    const last = begun === undefined ? undefined : this.logOf(begun).at(-1);
    if (last?.type !== "run-finished" || !tellingEnds.has(last.end)) return null;
    this.tellForged(name, last.run, last.end, this.logOf(last.run));
    return last;
  }

  private async runOnce(operation: Operation): Promise<{ end: RunEnd; run: string; message: string }> {
    const { goal, run, room, runGoal } = this.options;
    const { name } = operation;
    const { byOperation: _, exam: __, resume: ___, ...inherited } = goal;
    const loaded = writeOperationExam(
      operation.loaded,
      operationSizes(room.loaded.spec.model, room.loaded.spec.training)[name]!,
      this.folder,
    );
    const begun = this.begun(name);
    const session: ForgeEvent[] = [];
    const { end, run: id } = await runGoal({
      ...inherited,
      ...{ loaded, variant: this.variant, threads: room.threads, outputDirectory: join(this.folder, "accepted") },
      ...(begun === undefined ? {} : { resume: begun }),
      budget: this.share(loaded.spec.budget, begun === undefined ? [] : this.logOf(begun)),
      onEvent: (event) => {
        session.push(event);
        if (event.type === "run-started") run.append({ type: "operation-begun", operation: name, operationRun: event.run });
        // Who writes may have to be told where: the goal's own remarks are for whoever watches this one.
        if (event.type === "agent-noted") run.append({ type: "agent-noted", text: `${name}: ${event.text}` });
      },
    });
    this.tellForged(name, id, end, session);
    const last = session.at(-1);
    return { end, run: id, message: last?.type === "run-finished" ? last.message : "" };
  }

  /** `session`: its events since the last time that it was told what it spent. */
  private tellForged(operation: string, operationRun: string, end: RunEnd, session: readonly ForgeEvent[]): void {
    const { tokens, dollars, unpricedRequests } = spendingOf(session);
    const best = session.findLast((event) => event.type === "framework-accepted");
    const ratio = best?.type === "framework-accepted" ? best.ratio : null;
    this.options.run.append({
      type: "operation-forged",
      operation,
      operationRun,
      end,
      ratio,
      spent: { tokens, dollars, unpricedRequests },
    });
  }

  private begun(name: string): string | undefined {
    return this.eventsOf("operation-begun").findLast(({ operation }) => operation === name)?.operationRun;
  }

  private logOf(run: string): readonly ForgeEvent[] {
    return openRunStore(this.options.goal.runsDirectory).eventsOf(run);
  }

  /** An operation's budget is its exam's, as far as the whole has as much left; what it spent `earlier` its own goal counts again. */
  private share({ attempts, minutes }: BudgetLimits, earlier: readonly ForgeEvent[]): BudgetLimits {
    const { limits } = this.options.budget;
    const spent = this.options.budget.spent();
    const before = spendingOf(earlier);
    const left = Math.max(limits.minutes - spent.minutes, 0) + spentMs(earlier) / 60_000;
    return {
      attempts,
      minutes: Math.min(minutes, left),
      ...(limits.tokens === undefined ? {} : { tokens: Math.max(limits.tokens - spent.tokens, 0) + before.tokens }),
      ...(limits.dollars === undefined ? {} : { dollars: Math.max(limits.dollars - spent.dollars, 0) + before.dollars }),
    };
  }

  async race(whole: Candidate, rival: Candidate): Promise<Race> {
    const answer = await this.options.room.race(whole, rival);
    if (answer.status === "errored" || answer.status === "skipped") return { status: "errored", reason: answer.reason };
    if (answer.status === "failed") return { status: "refused", reason: `the whole is wrong where it is timed: ${answer.summary}` };
    const [figure] = answer.figures ?? [];
    if (!figure) return { status: "errored", reason: "nothing was timed" };
    const { ratio, low, high, outcome } = figure;
    return { status: "measured", outcome, interval: { ratio, low, high } };
  }

  decisions(): readonly MergeDecision[] {
    return this.eventsOf("merge-decided");
  }

  planned(operations: PlannedOperation[]): void {
    this.options.run.append({ type: "operations-planned", operations });
  }

  decided(decision: MergeDecision): void {
    this.options.run.append({ type: "merge-decided", ...decision });
  }

  private eventsOf<Type extends ForgeEvent["type"]>(type: Type): Extract<ForgeEvent, { type: Type }>[] {
    return this.options.run.events().filter((event): event is Extract<ForgeEvent, { type: Type }> => event.type === type);
  }
}
