import type { BuildResult, Target } from "../../specs/contracts/target.js";
import type { Evidence } from "../../specs/contracts/verdict.js";
import { measureAlignment } from "../../verifiers/align/align.js";
import { referenceCandidate } from "../../verifiers/align/reference-candidate.js";
import type { CheckAnswer, JudgeContext } from "../../verifiers/judge-context.js";
import { checkMemory } from "../../verifiers/memory.js";
import { Stopwatch } from "../../verifiers/stopwatch.js";
import type { ExamRoom } from "../exam-room.js";
import type { Fate, Mutant } from "./mutant.js";

/** A mutant that takes longer than this for one small call will not return. */
const callTimeoutMs = 5000;

export interface BuiltMutant {
  mutant: Mutant;
  request: Pick<JudgeContext, "candidate" | "entries" | "support" | "threads">;
  result: BuildResult;
}

/** Builds a mutant as its entry alone. */
export async function buildMutant(room: ExamRoom, mutant: Mutant): Promise<BuiltMutant> {
  const compiler = room.target.tuningSpace(room.variant).compilers[0]!;
  const candidate = referenceCandidate({ ...room.loaded, referenceText: mutant.text }, room.variant, compiler, ["-ffp-contract=off"]);
  const entries = room.entries.filter((entry) => entry.name === mutant.entry);
  const request = { candidate, entries, support: room.support, threads: 1 };
  return { mutant, request, result: await room.target.build({ ...request, mode: "plain" }) };
}

/** Has a mutant sit the exam on correctness, as a candidate does: alignment first, then guard pages for what it touches outside its buffers. */
export async function examineMutant(room: ExamRoom, { request, result }: BuiltMutant, seed: string, signal: AbortSignal): Promise<Fate> {
  if (result.status === "failed") return { state: "not-counted", reason: "does not build" };
  const context: JudgeContext = {
    ...request,
    loaded: room.loaded,
    variant: room.variant,
    target: impatient(room.target),
    host: room.target,
    machine: room.machine,
    quick: false,
    seeds: { hidden: seed, timed: seed, confirmation: seed },
    stopwatch: new Stopwatch(),
    signal,
    bench: () => room.bench(),
    baseline: () => room.baseline(),
    artifact: result.artifact,
    duelLimitMs: 0,
  };
  const aligned = fateOf((await measureAlignment(context)).answer);
  if (aligned.state !== "survived") return aligned;
  return fateOf(await checkMemory({ ...context, target: withoutSanitizers(context.target) }));
}

function fateOf(answer: CheckAnswer): Fate {
  if (answer.status === "passed") return { state: "survived" };
  if (answer.status !== "failed") throw new Error(`a mutant could not be judged: ${answer.summary}`);
  return fateByEvidence(answer.evidence[0]!);
}

function fateByEvidence(evidence: Evidence): Fate {
  if (evidence.kind === "alignment") return { state: "dead", gate: evidence.gate, regime: evidence.regime };
  if (evidence.kind !== "crash" && evidence.kind !== "memory") throw new Error(`evidence of another kind: ${evidence.kind}`);
  const { detail } = evidence;
  if (/did not return/.test(detail)) return { state: "not-counted", reason: "did not return" };
  if (/returned status/.test(detail)) return { state: "dead", gate: "status", regime: "" };
  if (/changed an input|wrote to the input/.test(detail)) return { state: "dead", gate: "inputs", regime: "" };
  if (/touched byte|past the end|before the start/.test(detail)) return { state: "dead", gate: "memory", regime: "" };
  return { state: "not-counted", reason: "crashed" };
}

/** The target, but a call that hangs is given up soon. */
const impatient = (target: Target): Target =>
  Object.assign(Object.create(target) as Target, {
    open: (request: Parameters<Target["open"]>[0]) => target.open({ ...request, callTimeoutMs }),
  });

/** Guard pages name what lies outside of a buffer; a sanitizer's report would be counted as a crash. */
const withoutSanitizers = (target: Target): Target => Object.assign(Object.create(target) as Target, { sanitizers: () => false });
