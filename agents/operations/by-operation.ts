import { readFileSync } from "node:fs";
import type { Agent, AgentTools } from "../../specs/contracts/agent.js";
import type {
  MergeDecision,
  Operation,
  OperationBench,
  OperationKernel,
  PlannedOperation,
  Race,
} from "../../specs/contracts/operations.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { shippedFile } from "../shipped-file.js";
import { frameOf, plainKernel, unfitness, withKernel } from "./compose.js";
import { planOperations } from "./plan.js";

/** Operations that agents/operations/frame.c calls, each by the name of its exam. */
export const operationNames = ["linear", "attention", "softmax-cross-entropy", "rmsnorm", "swiglu", "rope", "embedding", "adamw"] as const;

/** Of the agent that has `inner` forge the operations. */
export const byOperationName = (inner: string): string => `${inner}-by-operation`;

/** A race that a busy machine spoilt is run again so often. */
const racesAtMost = 3;

/** What is said of kernels that are merged together, in place of one operation's name. */
const togetherName = "together";

/** Why what was right was not merged. */
const noFaster = {
  slower: "it slows the whole",
  within: "it makes the whole no faster that can be told",
  undecided: "the race could not decide",
};

/** A kernel in its place in the whole, not judged yet. */
interface Contender {
  label: string;
  whole: Candidate;
  seconds: number;
}

/**
 * Makes a trainer of operations: plans by a profile which are worth a goal of their own, has each forged, elects of its kernels the one with
 * which the whole is fastest, and merges it only where the whole stays aligned and a race with what was there before says that it is faster.
 */
export function createByOperation(inner: string, bench: OperationBench): Agent {
  return {
    name: byOperationName(inner),
    strategy: "linear",
    async work(tools: AgentTools): Promise<void> {
      let whole = tools.history().findLast(isAccepted)?.candidate ?? (await beginWhole(tools, bench));
      if (whole === null) return;
      settleInterrupted(tools, bench);
      for (const { operation, isPlanned } of await planOf(bench, whole)) {
        if (!isPlanned || bench.decisions().some((decision) => decision.operation === operation)) continue;
        if (!tools.budgetLeft()) return;
        whole = await advance(tools, bench, whole, bench.operations.find(({ name }) => name === operation)!);
      }
      if (tools.budgetLeft()) await mergeTogether(tools, bench, whole);
    },
  };
}

/** A crash may lie between a verdict on the whole and the decision that it leads to. */
function settleInterrupted(tools: AgentTools, bench: OperationBench): void {
  for (const name of [...bench.operations.map((operation) => operation.name), togetherName]) {
    const merged = tools.history().findLast((attempt) => isAccepted(attempt) && attempt.summary.startsWith(`${name}: `));
    if (merged === undefined || bench.decisions().some(({ operation }) => operation === name)) continue;
    bench.decided({
      operation: name,
      label: merged.summary,
      merged: true,
      interval: null,
      reason: "judged before the run was interrupted",
    });
  }
}

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
    contenders.push(...(await tried(tools, `${compiler}: the frame over plain operations`, whole)));
  }
  const [fastest] = contenders.sort((a, b) => a.seconds - b.seconds);
  if (!fastest) {
    tools.note("the frame over plain operations is right with no compiler that is here");
    return null;
  }
  return (await judged(tools, fastest)) === null ? fastest.whole : null;
}

async function planOf(bench: OperationBench, whole: Candidate): Promise<readonly PlannedOperation[]> {
  const known = bench.plan();
  if (known !== null) return known;
  const planned = planOperations(
    bench.operations.map(({ name }) => name),
    await bench.fileShares(whole),
    bench.only,
  );
  bench.planned(planned);
  return planned;
}

/** The whole after an operation has had its turn: another, or the same. */
async function advance(tools: AgentTools, bench: OperationBench, whole: Candidate, operation: Operation): Promise<Candidate> {
  const { kernels, remarks } = await bench.forge(operation.name);
  for (const remark of remarks) tools.note(`${operation.name}: ${remark}`);
  const elected = await elect(tools, whole, operation, kernels);
  if (elected !== null) return mergeIfFaster(tools, bench, whole, elected, operation.name);
  const label = kernels.map((kernel) => kernel.label).join(", ");
  const reason = kernels.length === 0 ? "no kernel of it was accepted" : "with none of them the whole is right";
  bench.decided({ operation: operation.name, label, merged: false, interval: null, reason });
  return whole;
}

/** Of all kernels, by the whole's compiler and by their own, the one with which the whole is fastest; null where it is right with none. */
async function elect(
  tools: AgentTools,
  whole: Candidate,
  operation: Operation,
  kernels: readonly OperationKernel[],
): Promise<Contender | null> {
  const places = kernels.flatMap((kernel) => {
    const unfit = unfitness(kernel);
    if (unfit !== null) {
      tools.note(`${operation.name}: ${kernel.label} is left out: ${unfit}`);
      return [];
    }
    const compilers = new Set([whole.manifest.compiler, kernel.candidate.manifest.compiler]);
    return [...compilers].map((compiler) => ({ label: placeLabel(operation.name, kernel, compiler), kernel, compiler }));
  });
  tools.announceTrials(places.length);
  const contenders: Contender[] = [];
  for (const { label, kernel, compiler } of places) {
    if (!tools.budgetLeft()) break;
    contenders.push(...(await tried(tools, label, withKernel(whole, operation, kernel, compiler))));
  }
  return contenders.sort((a, b) => a.seconds - b.seconds)[0] ?? null;
}

const placeLabel = (operation: string, kernel: OperationKernel, compiler: string): string => `${operation}: ${kernel.label}, ${compiler}`;

/** Races the whole with a kernel against the whole without; what wins sits the whole exam, and what passes it takes the other's place. */
async function mergeIfFaster(
  tools: AgentTools,
  bench: OperationBench,
  whole: Candidate,
  contender: Contender,
  operation: string,
): Promise<Candidate> {
  const { label } = contender;
  const decide = (decision: Pick<MergeDecision, "merged" | "interval" | "reason">) => {
    bench.decided({ operation, label, ...decision });
    return decision.merged ? contender.whole : whole;
  };
  const race = await raced(bench, contender.whole, whole);
  if (race.status === "errored") {
    // No decision: a resumed run comes back to it.
    tools.note(`${label} was not raced: ${race.reason}`);
    return whole;
  }
  if (race.status === "refused") return decide({ merged: false, interval: null, reason: race.reason });
  const { interval, outcome } = race;
  if (outcome !== "faster") return decide({ merged: false, interval, reason: noFaster[outcome] });
  if (!tools.budgetLeft()) return whole;
  const wrong = await judged(tools, contender);
  return decide({ merged: wrong === null, interval, reason: wrong ?? "the whole is right and faster" });
}

/**
 * What none of several kernels gains for certain by itself may be plain once all are in: those whose race stayed open and leant their way
 * are put in together, and race once.
 */
async function mergeTogether(tools: AgentTools, bench: OperationBench, whole: Candidate): Promise<void> {
  const leant = bench.decisions().filter(({ merged, interval, reason }) => {
    return !merged && interval !== null && interval.ratio > 1 && (reason === noFaster.within || reason === noFaster.undecided);
  });
  if (leant.length < 2 || bench.decisions().some(({ operation }) => operation === togetherName)) return;
  const { compiler } = whole.manifest;
  let together = whole;
  for (const { operation: name, label } of leant) {
    const operation = bench.operations.find((candidate) => candidate.name === name)!;
    const kernel = (await bench.forge(name)).kernels.find((candidate) => label.startsWith(placeLabel(name, candidate, "")));
    if (kernel) together = withKernel(together, operation, kernel, compiler);
  }
  tools.announceTrials(1);
  const label = `${togetherName}: ${leant.map(({ operation }) => operation).join(", ")}, ${compiler}`;
  const [contender] = await tried(tools, label, together);
  if (contender) await mergeIfFaster(tools, bench, whole, contender, togetherName);
  else bench.decided({ operation: togetherName, label, merged: false, interval: null, reason: "with all of them the whole is not right" });
}

/** A trial of the whole: public cases, then a few steps; nothing where it is not right. */
async function tried(tools: AgentTools, label: string, whole: Candidate): Promise<Contender[]> {
  const [trial] = Object.values((await tools.measure({ label, candidate: whole })).entries);
  return trial?.status === "measured" ? [{ label, whole, seconds: trial.seconds }] : [];
}

async function raced(bench: OperationBench, whole: Candidate, rival: Candidate): Promise<Race> {
  for (let race = 1; ; race++) {
    const result = await bench.race(whole, rival);
    if (result.status !== "errored" || race === racesAtMost) return result;
  }
}

/** The whole exam. Null where it passes, else what is wrong. */
async function judged(tools: AgentTools, { label, whole }: Contender): Promise<string | null> {
  tools.workspace.replace(whole);
  const { verdict } = await tools.submit(label);
  if (isAccepted({ verdict })) return null;
  const stopped = verdict.checks.find(({ status }) => status === "failed" || status === "errored");
  return `the whole ${verdict.outcome === "errored" ? "could not be judged" : "is wrong"}: ${stopped?.check ?? ""} ${stopped?.summary ?? ""}`.trim();
}
