import type { Evidence } from "../../../specs/contracts/verdict.js";
import { measureAlignment } from "../../../verifiers/align/align.js";
import type { JudgeContext } from "../../../verifiers/judge-context.js";
import { Stopwatch } from "../../../verifiers/stopwatch.js";
import type { ExamRoom } from "../../exam-room.js";
import type { Sentinel } from "./expand.js";

/** What became of a sentinel: the same judgement as in `forge check`, for the one entry that it is about. */
export interface SentinelResult {
  spec: string;
  variant: string;
  entry: string;
  name: string;
  expected: "rejected" | "accepted";
  got: "rejected" | "accepted";
  /** The gate that rejected it, or the one whose bound it came closest to. */
  gate: string;
  output: string;
  regime: string;
  /** Of the bound; above 1 where rejected, infinite where a gate counts and allows nothing. */
  share: number;
}

/** `seed`: of the hidden cases; shared by the sentinels of a round, so that what is expected is found out once. */
export async function judgeSentinel(room: ExamRoom, sentinel: Sentinel, seed: string, signal: AbortSignal): Promise<SentinelResult> {
  const entries = room.entries.filter((entry) => entry.name === sentinel.entry);
  const request = { candidate: sentinel.candidate, support: room.support, entries, threads: 1 };
  const build = await room.target.build({ ...request, mode: "plain" });
  if (build.status === "failed") throw new Error(`sentinel ${sentinel.spec} / ${sentinel.name} does not build: ${build.log}`);
  const context: JudgeContext = {
    ...request,
    loaded: room.loaded,
    variant: room.variant,
    target: room.target,
    host: room.target,
    machine: room.machine,
    quick: false,
    seeds: { hidden: seed, timed: seed, confirmation: seed },
    stopwatch: new Stopwatch(),
    signal,
    bench: () => room.bench(),
    baseline: () => room.baseline(),
    artifact: build.artifact,
    duelLimitMs: 0,
  };
  const { answer, closest } = await measureAlignment(context);
  const { candidate: _, ...named } = sentinel;
  if (answer.status === "failed") return { ...named, got: "rejected", ...describeEvidence(answer.evidence[0]!) };
  if (answer.status !== "passed") throw new Error(`sentinel ${sentinel.spec} / ${sentinel.name}: ${answer.summary}`);
  return { ...named, got: "accepted", gate: closest!.gate, output: closest!.output, regime: closest!.regime, share: closest!.share };
}

function describeEvidence(evidence: Evidence): Pick<SentinelResult, "gate" | "output" | "regime" | "share"> {
  if (evidence.kind !== "alignment") return { gate: evidence.kind, output: "", regime: "", share: Number.POSITIVE_INFINITY };
  const share = evidence.visibility === "public" ? evidence.measured / evidence.bound : evidence.timesOver;
  return { gate: evidence.gate, output: evidence.output, regime: evidence.regime, share };
}
