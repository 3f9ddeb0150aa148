import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { AgentStopped } from "../../specs/contracts/agent.js";
import type { BudgetLimits, EventBody, ForgeEvent } from "../../specs/contracts/event.js";
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
import type { Budget } from "../goal/budget.js";
import { spendingOf } from "../goal/budget.js";
import type { GoalOptions, GoalResult } from "../goal/goal-options.js";
import { packageRoot } from "../package-root.js";
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
  /** A goal of an operation; `runGoal`, which would otherwise be imported in a circle. */
  runGoal(options: GoalOptions): Promise<GoalResult>;
  names: readonly string[];
}

/** Serves a goal that makes its trainer of operations: profiles, goals of operations, races, and what the run's log remembers of them. */
export class RunBench implements OperationBench {
  readonly operations: readonly Operation[];

  readonly only: readonly string[] | null;

  constructor(private readonly options: RunBenchOptions) {
    const { room, names, goal } = options;
    this.only = goal.byOperation?.only ?? null;
    this.operations = names.map((name) => {
      const loaded = loadSpec(join(packageRoot(), "specs", "kernels", `${name}.yaml`));
      return { name, loaded, header: generateKernelHeader(loaded.spec, room.variant) };
    });
  }

  fileShares(whole: Candidate): Promise<Record<string, number> | null> {
    return this.options.room.fileShares(whole);
  }

  async forge(name: string): Promise<ForgedOperation> {
    const operation = this.operations.find((candidate) => candidate.name === name)!;
    const remarks: string[] = [];
    const before = this.acceptedBefore(operation, remarks);
    if (before?.isValid && !this.options.goal.byOperation?.reforge) return { kernels: [before.kernel], remarks };
    const forged = await this.forgedHere(operation, remarks);
    return { kernels: [...(before ? [before.kernel] : []), ...(forged ? [forged] : [])], remarks };
  }

  /** What lies in the goal's output folder under the operation's own name: certified for other sizes, perhaps, but right. */
  private acceptedBefore({ name, loaded }: Operation, remarks: string[]): { kernel: OperationKernel; isValid: boolean } | null {
    const { goal } = this.options;
    const directory = join(goal.outputDirectory, name, goal.variant, goal.target);
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

  /** The best of a goal of its own at the model's sizes; an interrupted one goes on. Null where nothing was accepted. */
  private async forgedHere(operation: Operation, remarks: string[]): Promise<OperationKernel | null> {
    const { goal, run } = this.options;
    const folder = join(run.directory, "operations");
    const accepted = join(folder, "accepted");
    const directory = join(accepted, operation.name, goal.variant, goal.target);
    const finished = this.eventsOf("operation-forged").find((event) => event.operation === operation.name);
    if (finished === undefined) {
      const begun = this.eventsOf("operation-begun").findLast((event) => event.operation === operation.name);
      const loaded = writeOperationExam(operation.loaded, this.sizesOf(operation.name), folder);
      await this.holdGoal(operation.name, { loaded, outputDirectory: accepted, ...(begun ? { resume: begun.run } : {}) });
    }
    const { run: child = "", end = "" } = this.eventsOf("operation-forged").find((event) => event.operation === operation.name) ?? {};
    if (!existsSync(directory)) {
      remarks.push(`its goal, ${child}, ended with nothing accepted (${end})`);
      return null;
    }
    return { label: `forged by ${child}`, candidate: readCandidateFolder(directory) };
  }

  private sizesOf(operation: string) {
    const { spec } = this.options.room.loaded;
    return operationSizes(spec.model, spec.exam.timed)[operation]!;
  }

  /** Holds an operation's goal to its end, once more where the machine kept it from one. Throws where it has none that says anything of the operation. */
  private async holdGoal(operation: string, options: Pick<GoalOptions, "loaded" | "outputDirectory" | "resume">): Promise<void> {
    const { goal, run } = this.options;
    let held = await this.runOnce(operation, options);
    if (held.end === "errored") held = await this.runOnce(operation, { ...options, resume: held.run });
    goal.signal.throwIfAborted();
    if (held.end === "agent-stopped" && held.directory === null)
      throw new AgentStopped(`in the goal of ${operation}, ${held.run}: ${held.message}`);
    if (held.end === "errored")
      throw new Error(`the goal of ${operation}, ${held.run}, came to no end: ${held.message}; --resume tries it again`);
    const { tokens, dollars, unpricedRequests } = spendingOf(held.events);
    const best = held.events.findLast((event) => event.type === "framework-accepted");
    const ratio = best?.type === "framework-accepted" ? best.ratio : null;
    run.append({ type: "operation-forged", operation, run: held.run, end: held.end, ratio, spent: { tokens, dollars, unpricedRequests } });
  }

  private async runOnce(operation: string, options: Pick<GoalOptions, "loaded" | "outputDirectory" | "resume">) {
    const { goal, run, room, runGoal } = this.options;
    const { byOperation: _, exam: __, resume: ___, ...inherited } = goal;
    let message = "";
    const result = await runGoal({
      ...inherited,
      ...options,
      threads: room.threads,
      budget: this.share(options.loaded.spec.budget),
      onEvent: (event) => {
        if (event.type === "run-started") run.append({ type: "operation-begun", operation, run: event.run });
        // Who writes may have to be told where: the goal's own remarks are for whoever watches this one.
        if (event.type === "agent-noted") run.append({ type: "agent-noted", text: `${operation}: ${event.text}` });
        if (event.type === "run-finished") message = event.message;
      },
    });
    return { ...result, message, events: openRunStore(goal.runsDirectory).eventsOf(result.run) };
  }

  /** An operation's budget is its exam's, as far as the whole has as much left. */
  private share({ attempts, minutes }: BudgetLimits): BudgetLimits {
    const { limits } = this.options.budget;
    const spent = this.options.budget.spent();
    return {
      attempts,
      minutes: Math.min(minutes, Math.max(limits.minutes - spent.minutes, 0)),
      ...(limits.tokens === undefined ? {} : { tokens: Math.max(limits.tokens - spent.tokens, 0) }),
      ...(limits.dollars === undefined ? {} : { dollars: Math.max(limits.dollars - spent.dollars, 0) }),
    };
  }

  async race(whole: Candidate, rival: Candidate): Promise<Race> {
    const answer = await this.options.room.judgeSpeed(whole, { rival });
    if (answer.status === "errored" || answer.status === "skipped") return { status: "errored", reason: answer.reason };
    if (answer.status === "failed") return { status: "refused", reason: `the whole is wrong where it is timed: ${answer.summary}` };
    const [figure] = answer.figures ?? [];
    if (!figure) return { status: "errored", reason: "nothing was timed" };
    const { ratio, low, high, outcome } = figure;
    return { status: "measured", outcome, interval: { ratio, low, high } };
  }

  plan(): readonly PlannedOperation[] | null {
    return this.eventsOf("operations-planned").at(-1)?.operations ?? null;
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
