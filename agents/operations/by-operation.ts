import { readFileSync } from "node:fs";
import type { Agent, AgentTools } from "../../specs/contracts/agent.js";
import type { MergeDecision, Operation, OperationBench, OperationKernel, Race } from "../../specs/contracts/operations.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { shippedFile } from "../shipped-file.js";
import { frameOf, plainKernel, unfitness, withKernel } from "./compose.js";
import { planOperations } from "./plan.js";

/** Operations that agents/operations/frame.c calls, each by the name of its exam. */
export const operationNames = ["linear", "attention", "softmax-cross-entropy", "rmsnorm", "swiglu", "rope", "embedding", "adamw"] as const;

/** Of the agent that has `inner` forge the operations. */
export const byOperationName = (inner: string): string => `${inner}-by-operation`;

/** What a busy machine spoilt is tried again so often. */
const triesAtMost = 3;

/** What is said of kernels that are merged together, in place of one operation's name. */
const togetherName = "together";

/** Why what was right was not merged. */
const noFaster = {
  slower: "it slows the whole",
  within: "it makes the whole no faster that can be told",
  undecided: "the race could not decide",
};

/** A kernel in its place in the whole, tried but not judged yet. */
interface Contender {
  label: string;
  whole: Candidate;
  seconds: number;
}

/** What became of a contender; null where nobody can say: the machine was busy, or the budget is spent. */
type Outcome = Pick<MergeDecision, "merged" | "interval" | "reason"> | null;

/**
 * Makes a trainer of operations: plans by a profile which are worth a goal of their own, has each forged, elects of its kernels the one with
 * which the whole is fastest, and merges it only where a race with the whole as it was says that it is faster, and the whole exam that it is
 * right. After each merge it plans again, for what took little of a slow whole may take much of a fast one.
 */
export function createByOperation(inner: string, bench: OperationBench): Agent {
  return {
    name: byOperationName(inner),
    async work(tools: AgentTools): Promise<void> {
      let whole = tools.history().findLast(isAccepted)?.candidate ?? (await beginWhole(tools, bench));
      if (whole === null) return;
      settleInterrupted(tools, bench);
      const open = new Set<string>();
      for (;;) {
        const next = await nextOperation(tools, bench, whole, open);
        if (next === null) break;
        open.add(next);
        whole = await advance(tools, bench, whole, bench.operations.find(({ name }) => name === next)!);
      }
      if (tools.budgetLeft()) await mergeTogether(tools, bench, whole);
      tellWhatIsOpen(tools, bench, open);
    },
  };
}

/** A crash may lie between a verdict on the whole and the decision that it leads to. */
function settleInterrupted(tools: AgentTools, bench: OperationBench): void {
  for (const name of [...bench.operations.map((operation) => operation.name), togetherName]) {
    const merged = tools.history().findLast((attempt) => isAccepted(attempt) && attempt.summary.startsWith(`${name}: `));
    if (merged === undefined || isDecided(bench, name)) continue;
    bench.decided({
      operation: name,
      label: merged.summary,
      merged: true,
      interval: null,
      reason: "judged before the run was interrupted",
    });
  }
}

const isDecided = (bench: OperationBench, name: string): boolean => bench.decisions().some(({ operation }) => operation === name);

/** The frame over plain operations, by the compiler that makes it fastest; null where it is not right. */
async function beginWhole(tools: AgentTools, bench: OperationBench): Promise<Candidate | null> {
  const { tuningSpace: space, toolchains, variant } = tools.briefing;
  const frame = readFileSync(shippedFile("operations", "frame.c"), "utf8");
  const compilers = space.compilers.filter((name) => toolchains.some((toolchain) => toolchain.name === name));
  tools.announceTrials(compilers.length);
  const contenders: Contender[] = [];
  for (const compiler of compilers) {
    const bare = frameOf(frame, space, compiler);
    const whole = bench.operations.reduce(
      (sum, operation) => withKernel(sum, operation, plainKernel(operation, space, variant), compiler),
      bare,
    );
    const trial = await tried(tools, `${compiler}: the frame over plain operations`, whole);
    if (trial !== null && "seconds" in trial) contenders.push(trial);
  }
  const [fastest] = contenders.sort((a, b) => a.seconds - b.seconds);
  if (!tools.budgetLeft()) return null;
  if (!fastest) {
    tools.note("the frame over plain operations is right with no compiler that is here");
    return null;
  }
  const judged = await judgeWhole(tools, fastest);
  return judged === "accepted" ? fastest.whole : null;
}

/**
 * The operation that could win most of those that are worth it and had no turn in this session; null where there is none. The shares are of
 * the whole as it is.
 */
async function nextOperation(
  tools: AgentTools,
  bench: OperationBench,
  whole: Candidate,
  hadTurn: ReadonlySet<string>,
): Promise<string | null> {
  const left = bench.operations.map(({ name }) => name).filter((name) => !isDecided(bench, name) && !hadTurn.has(name));
  if (left.length === 0 || !tools.budgetLeft() || (bench.only !== null && !left.some((name) => bench.only!.includes(name)))) return null;
  const planned = planOperations(left, await bench.fileShares(whole), bench.only);
  bench.planned(planned);
  return planned.find(({ isPlanned }) => isPlanned)?.operation ?? null;
}

/** The whole after an operation has had its turn: another, or the same. */
async function advance(tools: AgentTools, bench: OperationBench, whole: Candidate, operation: Operation): Promise<Candidate> {
  const { kernels, remarks, isOpen } = await bench.forge(operation.name);
  for (const remark of remarks) tools.note(`${operation.name}: ${remark}`);
  const decide = (label: string, outcome: NonNullable<Outcome>) => bench.decided({ operation: operation.name, label, ...outcome });
  if (kernels.length === 0) {
    if (!isOpen) decide("", { merged: false, interval: null, reason: "no kernel of it was accepted" });
    return whole;
  }
  const elected = await elect(tools, whole, operation, kernels);
  if (elected === null) return whole;
  if (typeof elected === "string") {
    decide(kernels.map(({ label }) => label).join(", "), { merged: false, interval: null, reason: elected });
    return whole;
  }
  // Where the first is wrong after all, or slows the whole, another kernel may do neither.
  let last: { label: string; outcome: NonNullable<Outcome> } | null = null;
  for (const contender of elected) {
    const outcome = await raceAndJudge(tools, bench, whole, contender);
    if (outcome === null) return whole;
    if (last !== null) tools.note(`${last.label}: ${last.outcome.reason}; the next of its kernels has its turn`);
    last = { label: contender.label, outcome };
    if (outcome.merged) {
      decide(contender.label, outcome);
      return contender.whole;
    }
  }
  if (last) decide(last.label, last.outcome);
  return whole;
}

/**
 * The kernels by how fast the whole is with each, each with the better of the whole's compiler and its own; a reason where the whole is right
 * with none, null where not all were tried within the budget.
 */
async function elect(
  tools: AgentTools,
  whole: Candidate,
  operation: Operation,
  kernels: readonly OperationKernel[],
): Promise<Contender[] | string | null> {
  const fits = kernels.filter((kernel) => {
    const unfit = unfitness(kernel);
    if (unfit !== null) tools.note(`${operation.name}: ${kernel.label} is left out: ${unfit}`);
    return unfit === null;
  });
  const compilersOf = (kernel: OperationKernel) => [...new Set([whole.manifest.compiler, kernel.candidate.manifest.compiler])];
  tools.announceTrials(fits.reduce((sum, kernel) => sum + compilersOf(kernel).length, 0));
  const elected: Contender[] = [];
  const reasons: string[] = [];
  for (const kernel of fits) {
    let best: Contender | null = null;
    for (const compiler of compilersOf(kernel)) {
      const trial = await tried(tools, placeLabel(operation.name, kernel, compiler), withKernel(whole, operation, kernel, compiler));
      if (trial === null) return null;
      if ("reason" in trial) reasons.push(trial.reason);
      else if (best === null || trial.seconds < best.seconds) best = trial;
    }
    if (best !== null) elected.push(best);
  }
  if (elected.length > 0) return elected.sort((a, b) => a.seconds - b.seconds);
  return reasons.length === 0 ? "none of its kernels fits into the frame" : `with none of them the whole is right: ${reasons[0]}`;
}

const placeLabel = (operation: string, kernel: OperationKernel, compiler: string): string => `${operation}: ${kernel.label}, ${compiler}`;

/** Races the whole with a kernel against the whole without; what wins sits the whole exam. */
async function raceAndJudge(tools: AgentTools, bench: OperationBench, whole: Candidate, contender: Contender): Promise<Outcome> {
  if (!tools.budgetLeft()) return null;
  const race = await raced(bench, contender.whole, whole);
  if (race.status === "errored") {
    tools.note(`${contender.label} was not raced: ${race.reason}`);
    return null;
  }
  if (race.status === "refused") return { merged: false, interval: null, reason: race.reason };
  const { interval, outcome } = race;
  if (outcome !== "faster") return { merged: false, interval, reason: noFaster[outcome] };
  if (!tools.budgetLeft()) return null;
  const judged = await judgeWhole(tools, contender);
  if (judged === "accepted") return { merged: true, interval, reason: "the whole is right and faster" };
  return judged === null ? null : { merged: false, interval, reason: `the whole is wrong: ${judged.wrong}` };
}

/**
 * What none of several kernels gains for certain by itself may be plain once all are in: those whose race stayed open and leant their way
 * are put in together, and race once.
 */
async function mergeTogether(tools: AgentTools, bench: OperationBench, whole: Candidate): Promise<void> {
  if (isDecided(bench, togetherName)) return;
  const { compiler } = whole.manifest;
  let together = whole;
  const names: string[] = [];
  for (const { operation: name, label, merged, interval, reason } of bench.decisions()) {
    const leant = !merged && interval !== null && interval.ratio > 1 && (reason === noFaster.within || reason === noFaster.undecided);
    const kernel = leant ? bench.kernelsAtHand(name).find((at) => label.startsWith(placeLabel(name, at, ""))) : undefined;
    const operation = bench.operations.find((candidate) => candidate.name === name);
    if (!kernel || !operation) continue;
    together = withKernel(together, operation, kernel, compiler);
    names.push(name);
  }
  if (names.length < 2) return;
  tools.announceTrials(1);
  const label = `${togetherName}: ${names.join(", ")}, ${compiler}`;
  const trial = await tried(tools, label, together);
  if (trial === null) return;
  const outcome =
    "reason" in trial
      ? { merged: false, interval: null, reason: `with all of them the whole is not right: ${trial.reason}` }
      : await raceAndJudge(tools, bench, whole, trial);
  if (outcome !== null) bench.decided({ operation: togetherName, label, ...outcome });
}

/** Whoever resumes the run goes on with these. */
function tellWhatIsOpen(tools: AgentTools, bench: OperationBench, hadTurn: ReadonlySet<string>): void {
  const open = [...hadTurn].filter((name) => !isDecided(bench, name));
  if (open.length > 0) tools.note(`not decided: ${open.join(", ")}; --resume ${tools.run}, with more of what is spent, goes on with it`);
  else if (!tools.budgetLeft()) tools.note(`the budget ended before all was tried; --resume ${tools.run}, with more of it, goes on`);
}

/** A trial of the whole: public cases, then a few steps. Null where the budget is spent. */
async function tried(tools: AgentTools, label: string, whole: Candidate): Promise<Contender | { reason: string } | null> {
  if (!tools.budgetLeft()) return null;
  const [trial] = Object.values((await tools.measure({ label, candidate: whole })).entries);
  return trial?.status === "measured" ? { label, whole, seconds: trial.seconds } : { reason: trial?.reason ?? "nothing was timed" };
}

async function raced(bench: OperationBench, whole: Candidate, rival: Candidate): Promise<Race> {
  for (let race = 1; ; race++) {
    const result = await bench.race(whole, rival);
    if (result.status !== "errored" || race === triesAtMost) return result;
  }
}

/** The whole exam; null where the machine or the harness kept the verdict. */
async function judgeWhole(tools: AgentTools, { label, whole }: Contender): Promise<"accepted" | { wrong: string } | null> {
  for (let submission = 1; submission <= triesAtMost && tools.budgetLeft(); submission++) {
    tools.workspace.replace(whole);
    const { verdict } = await tools.submit(label);
    if (isAccepted({ verdict })) return "accepted";
    const failed = verdict.checks.find(({ status }) => status === "failed");
    if (verdict.outcome === "failed") return { wrong: `${failed?.check ?? ""} ${failed?.summary ?? ""}`.trim() };
    tools.note(`${label} has no verdict: the harness or the machine failed`);
  }
  return null;
}
