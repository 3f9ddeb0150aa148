import type { Artifact } from "../../../specs/contracts/target.js";
import { deriveSeed, freshSeed, Random } from "../../../verifiers/numerics/random.js";
import { Contestant } from "../../../verifiers/speed/contestant.js";
import { type PhysicalLimit, physicalLimit } from "../../../verifiers/speed/physical-limit.js";
import { estimateRatio } from "../../../verifiers/speed/sequential-test.js";
import { SpotCheck } from "../../../verifiers/speed/spot-check.js";
import { TimedInputs } from "../../../verifiers/speed/timed-inputs.js";
import type { ExamRoom } from "../../exam-room.js";
import type { RunningPeer } from "../peers/catalogue.js";
import { ContestantFailure } from "./contestant.js";
import { interleave, type Measurement } from "./interleave.js";
import { admitPeer, type PeerEntrants } from "./peer-entrants.js";
import type { KernelRow, MeasuredRatio, RowSubject } from "./row.js";
import { SessionContestant } from "./session-contestant.js";

export interface RowOptions {
  room: ExamRoom;
  /** The forged kernel, built. */
  artifact: Artifact;
  peer: RunningPeer | null;
  rounds: number;
  acceptLoad: boolean;
  signal: AbortSignal;
}

const forgedName = "forged";
const baselineName = "baseline";
const sessionWallMs = 3_600_000;

/** One entry at one size: the forged kernel, the baseline and the peers in one run. What a contestant does wrong is a row too. */
export async function measureRow(subject: RowSubject, options: RowOptions): Promise<KernelRow> {
  try {
    return { ...subject, ...(await measure(subject, options)) };
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return { ...subject, status: error instanceof ContestantFailure && error.contestant === forgedName ? "failed" : "errored", reason };
  }
}

type MeasuredRow = Omit<Extract<KernelRow, { status: "measured" }>, keyof RowSubject>;

async function measure(subject: RowSubject, options: RowOptions): Promise<MeasuredRow> {
  const { room, artifact, peer } = options;
  const { target, machine, threads, entries } = room;
  const seed = freshSeed();
  const bench = await room.bench();
  const baseline = await room.baseline();
  const peaks = await target.peaks(threads);
  const timed = await TimedInputs.draw(bench, subject.entry, subject.sizes, seed, machine.cacheBytes.l3);
  const entrants: PeerEntrants = peer ? await admitPeer(peer, bench, timed, threads) : { contestants: [], graphBreaks: new Map(), out: {} };
  const process = peer && "process" in peer.running ? peer.running.process : null;
  const processOf = (library: Artifact) => {
    const open = () => target.open({ libraries: [library], entries, threads, memory: "plain", wallMs: sessionWallMs });
    return new Contestant(open, timed, subject.entry);
  };
  const forged = processOf(artifact);
  const rival = processOf(baseline.libraries[baseline.choose(subject.entry, subject.sizes)]!);
  try {
    const check = new SpotCheck(bench, timed, seed);
    const random = new Random(deriveSeed(seed, "poison"));
    const common = { entry: subject.entry, timed, check, random, allowedThreads: threads + target.runtimeThreads() };
    const measurement = await interleave({
      contestants: [
        new SessionContestant(forgedName, { ...common, process: forged, isJudged: true }),
        new SessionContestant(baselineName, { ...common, process: rival, isJudged: false }),
        ...entrants.contestants,
      ],
      rounds: options.rounds,
      random: new Random(deriveSeed(seed, "order")),
      ourCpuSeconds: () => [forged, rival, bench, ...(process ? [process] : [])].reduce((sum, ours) => sum + ours.cpuSeconds(), 0),
      acceptLoad: options.acceptLoad,
      betweenRounds: async () => {
        const [evidence] = await check.compare();
        if (evidence) throw new ContestantFailure(forgedName, `a timed call was wrong: ${JSON.stringify(evidence)}`);
      },
      signal: options.signal,
    });
    const { gates } = room.loaded.spec;
    const entry = room.loaded.spec.entries[subject.entry]!;
    const limit = physicalLimit(entry, subject.sizes, room.variant, peaks, machine, gates.warm ?? false);
    return summarise(measurement, entrants, limit);
  } finally {
    await Promise.all([forged.end(), rival.end(), process?.release()]);
  }
}

function summarise(measurement: Measurement, entrants: PeerEntrants, limit: PhysicalLimit): MeasuredRow {
  const { secondsPerCall, rounds, underLoad } = measurement;
  const forged = secondsPerCall.get(forgedName)!;
  const ratioOf = (name: string): MeasuredRatio => {
    const rival = secondsPerCall.get(name)!;
    const estimate = estimateRatio(rival.map((seconds, round) => Math.log(seconds / forged[round]!)));
    return {
      status: "measured",
      ratio: Math.exp(estimate.median),
      low: Math.exp(estimate.low),
      high: Math.exp(estimate.high),
      confidence: estimate.confidence,
      seconds: median(rival),
      limitFraction: limit.seconds / median(rival),
      graphBreaks: entrants.graphBreaks.get(name) ?? null,
    };
  };
  return {
    status: "measured",
    forgedSeconds: median(forged),
    limitFraction: limit.seconds / median(forged),
    limitedBy: limit.limitedBy,
    rounds,
    underLoad,
    baseline: ratioOf(baselineName),
    peers: { ...entrants.out, ...Object.fromEntries(entrants.contestants.map(({ name }) => [name, ratioOf(name)])) },
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
