import type { Sizes } from "../../specs/contracts/spec.js";
import type { Peaks } from "../../specs/contracts/target.js";
import type { Evidence, SpeedFigure } from "../../specs/contracts/verdict.js";
import type { CheckAnswer, JudgeContext } from "../judge-context.js";
import { deriveSeed } from "../numerics/random.js";
import { thresholds } from "../thresholds.js";
import { Contestant } from "./contestant.js";
import { Duel, type DuelResult } from "./duel.js";
import { OddRows } from "./odd-rows.js";
import { type PhysicalLimit, physicalLimit } from "./physical-limit.js";
import { SpotCheck } from "./spot-check.js";
import { TimedInputs } from "./timed-inputs.js";

/** Units that may be thrown away because others used the machine, before it is called busy. */
const maximumRepeats = 240;

/** Every entry at every timed size, each judged by itself, candidate against baseline in two sandboxes. */
export async function checkSpeed(context: JudgeContext, seed: string): Promise<CheckAnswer> {
  const figures: SpeedFigure[] = [];
  const reasons: string[] = [];
  for (const entry of context.entries)
    for (const sizes of context.loaded.spec.cases.timed) {
      const result = await duelOf(context, entry.name, sizes, deriveSeed(seed, entry.name, JSON.stringify(sizes)));
      if (result.status === "errored") return { status: "errored", summary: `${entry.name}: ${result.reason}`, reason: result.reason };
      if (result.status === "failed")
        return { status: "failed", summary: `${entry.name}: ${describe(result.evidence[0]!)}`, evidence: result.evidence, figures };
      figures.push(result.figure);
      if (result.figure.outcome === "undecided") reasons.push(`${entry.name}: ${result.reason}`);
      const impossible = context.suspended === "physics" ? null : beyondPhysics(result.figure);
      if (impossible) return { status: "failed", summary: impossible.detail, evidence: [impossible], figures };
    }
  const summary = figures.map((figure) => `${figure.entry} ${figure.ratio.toFixed(2)}x`).join(", ");
  if (reasons.length > 0) return { status: "undecided", summary, reason: reasons.join("; "), figures };
  return { status: "passed", summary, figures };
}

type DuelAnswer =
  | { status: "measured"; figure: SpeedFigure; reason: string }
  | { status: "failed"; evidence: Evidence[] }
  | { status: "errored"; reason: string };

async function duelOf(context: JudgeContext, entry: string, sizes: Sizes, seed: string): Promise<DuelAnswer> {
  const { target, threads, entries, machine, stopwatch } = context;
  const bench = await context.bench();
  const baseline = await context.baseline();
  // Measured before the first duel, where they are not kept yet.
  await stopwatch.during("timing", () => target.peaks(threads));
  const timed = await stopwatch.during("running", () =>
    TimedInputs.draw(bench, entry, sizes, seed, machine.cacheBytes.l3, context.suspended),
  );
  const open = (library: { path: string; hash: string }) =>
    target.open({ libraries: [library], entries, threads, memory: "plain", wallMs: 3_600_000 });
  const [candidate, rival] = [context.artifact!, baseline.libraries[baseline.choose(entry, sizes)]!].map(
    (library) => new Contestant(() => open(library), timed, entry),
  ) as [Contestant, Contestant];
  const duel = new Duel({
    entry,
    candidate,
    baseline: rival,
    timed,
    check: new SpotCheck(bench, timed, seed, context.suspended),
    odd: new OddRows(bench, timed, deriveSeed(seed, "odd"), context.suspended),
    seed: deriveSeed(seed, "order"),
    target: context.loaded.spec.gates.speed,
    limitMs: context.duelLimitMs,
    maximumRepeats,
    allowedThreads: threads + target.runtimeThreads(),
    otherCpuSeconds: () => bench.cpuSeconds(),
    stopwatch,
    signal: context.signal,
    suspended: context.suspended,
  });
  const result = await duel.run().finally(() => Promise.all([candidate.end(), rival.end()]));
  return result.status === "measured"
    ? { status: "measured", reason: result.reason, figure: await figureOf(context, entry, sizes, result) }
    : result;
}

async function figureOf(
  context: JudgeContext,
  entry: string,
  sizes: Sizes,
  { estimate, candidateSeconds, baselineSeconds, meanSeconds, outcome, calls, load }: Extract<DuelResult, { status: "measured" }>,
): Promise<SpeedFigure> {
  const limit = await limitBeside(context, entry, sizes, meanSeconds, outcome);
  return {
    entry,
    sizes,
    outcome,
    ratio: Math.exp(estimate.median),
    low: Math.exp(estimate.low),
    high: Math.exp(estimate.high),
    confidence: estimate.confidence,
    units: estimate.units,
    calls,
    candidateSeconds,
    baselineSeconds,
    // Of all its calls: neither a few lucky ones nor a few slow ones say how near to the limit it is.
    limitFraction: limit.seconds / meanSeconds,
    limitedBy: limit.limitedBy,
    flopsPerSecond: limit.flops / meanSeconds,
    bytesPerSecond: limit.bytes / meanSeconds,
    load,
  };
}

/**
 * The physical limit by the peaks that are kept; where it would accuse a candidate or excuse it from being faster, by peaks measured
 * again now, so that a peak measured on a busy machine does neither.
 */
async function limitBeside(
  { loaded, target, threads, variant, machine, stopwatch }: JudgeContext,
  entry: string,
  sizes: Sizes,
  meanSeconds: number,
  outcome: SpeedFigure["outcome"],
): Promise<PhysicalLimit> {
  const { spec } = loaded;
  const limitBy = (peaks: Peaks) => physicalLimit(spec.entries[entry]!, sizes, variant, peaks, machine, spec.gates.warm ?? false);
  let limit = limitBy(await target.peaks(threads));
  for (let repeat = 0; repeat < thresholds.peakRepeats; repeat++) {
    const fraction = limit.seconds / meanSeconds;
    const excuses = repeat === 0 && outcome !== "faster" && fraction >= thresholds.limitShare;
    if (!excuses && fraction <= thresholds.physicsMargin) break;
    limit = limitBy(await stopwatch.during("timing", () => target.peaks(threads, true)));
  }
  return limit;
}

function beyondPhysics(figure: SpeedFigure): Extract<Evidence, { kind: "speed" }> | null {
  if (figure.limitFraction <= thresholds.physicsMargin) return null;
  return {
    law: "physics",
    kind: "speed",
    entry: figure.entry,
    detail: `faster than physics: ${(figure.limitFraction * 100).toFixed(0)} % of the measured ${figure.limitedBy} limit`,
  };
}

function describe(evidence: Evidence): string {
  if (evidence.kind === "speed" || evidence.kind === "crash" || evidence.kind === "memory") return evidence.detail;
  if (evidence.kind === "alignment") return `a timed call's ${evidence.output} breaks the ${evidence.gate} gate`;
  return evidence.kind;
}

/** Nothing is left to win where the measured limit is all but reached. */
export const atLimit = (figure: SpeedFigure): boolean => figure.limitFraction >= thresholds.limitShare;

/** Surpassed: nothing is slower or undecided, at least one thing is faster, and what is not is at the physical limit. */
export function surpasses(figures: SpeedFigure[]): boolean {
  return figures.some((figure) => figure.outcome === "faster") && figures.every((figure) => figure.outcome === "faster" || atLimit(figure));
}
