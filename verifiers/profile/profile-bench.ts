import type { ProfileResult } from "../../specs/contracts/profile.js";
import type { Sizes } from "../../specs/contracts/spec.js";
import type { Candidate, EntrySignature, Exercise, MachineClass, Session, Target } from "../../specs/contracts/target.js";
import type { ReferenceBench } from "../align/reference-bench.js";
import { deriveSeed } from "../numerics/random.js";
import { physicalLimit } from "../speed/physical-limit.js";
import { TimedInputs } from "../speed/timed-inputs.js";
import { printedText } from "../targets/printed-text.js";

/** As long as this is sampled, but at least so many calls. */
const sampledMs = 2_000;
const minimumCalls = 2;
const maximumCalls = 20_000;
const defaultCallTimeoutMs = 30_000;
const maximumDetailCharacters = 2_000;
const poison = 0x7fc37fc3;

export interface ProfileBenchOptions {
  bench: ReferenceBench;
  target: Target;
  machine: MachineClass;
  entries: EntrySignature[];
  threads: number;
  support: Record<string, string>;
  /** Of the inputs; hex. */
  seed: string;
  callTimeoutMs?: number;
}

/**
 * Shows where a candidate's time goes at a size, with inputs as the spec draws them and as many sets of them as speed is judged with.
 * It judges nothing: outputs are not looked at, no expected value is computed. One profile at a time, for they would time each other.
 */
export class ProfileBench {
  private latest: { key: string; inputs: TimedInputs } | null = null;

  constructor(private readonly options: ProfileBenchOptions) {}

  /** `sizes`: a timed size of the spec, or any other. What the candidate does wrong is data; a broken machine throws. */
  async profile(candidate: Candidate, entry: string, sizes: Sizes): Promise<ProfileResult> {
    const { target, entries, threads, support, callTimeoutMs = defaultCallTimeoutMs } = this.options;
    const timed = await this.inputsOf(entry, sizes);
    const result = await target.profile({
      candidate,
      support,
      entries,
      threads,
      callTimeoutMs,
      exercise: (session) => exercise(session, entry, timed, callTimeoutMs),
    });
    if (result.status !== "profiled") return result;
    const { code, secondsPerCall: seconds } = result;
    const secondsPerCall = medianOf(seconds);
    const roofline = await this.rooflineOf(entry, sizes, secondsPerCall);
    return { status: "profiled", profile: { entry, sizes, threads, calls: seconds.length, secondsPerCall, roofline, ...code } };
  }

  /** Drawn once for profiles of the same size in a row. */
  private async inputsOf(entry: string, sizes: Sizes): Promise<TimedInputs> {
    const key = JSON.stringify([entry, Object.entries(sizes).sort()]);
    if (this.latest?.key !== key) {
      const { bench, seed, machine } = this.options;
      this.latest = null;
      this.latest = { key, inputs: await TimedInputs.draw(bench, entry, sizes, deriveSeed(seed, key), machine.cacheBytes.l3) };
    }
    return this.latest.inputs;
  }

  private async rooflineOf(entry: string, sizes: Sizes, seconds: number) {
    const { bench, target, machine, threads } = this.options;
    const { spec } = bench.loaded;
    const peaks = await target.peaks(threads);
    const limit = physicalLimit(spec.entries[entry]!, sizes, bench.variant, peaks, machine, spec.gates.warm ?? false);
    return {
      flopsPerSecond: limit.flops / seconds,
      bytesPerSecond: limit.bytes / seconds,
      limitSeconds: limit.seconds,
      limitFraction: limit.seconds / seconds,
      limitedBy: limit.limitedBy,
    };
  }
}

async function exercise(session: Session, entry: string, timed: TimedInputs, limitMs: number): Promise<Exercise> {
  await timed.fill(session, entry);
  const { sizes, scalars } = timed.kernelCase;
  const secondsPerCall: number[] = [];
  let startedAt = performance.now();
  for (let call = -1; call < maximumCalls && (call < minimumCalls || performance.now() - startedAt < sampledMs); call++) {
    const report = await session.call({ library: 0, entry, set: timed.chooseSet(), sizes, scalars, poison });
    if (report.status === "timeout") return { status: "timed-out", limitMs };
    if (report.status === "crashed") return { status: "crashed", detail: printedText(report.detail, maximumDetailCharacters) };
    if (report.code !== 0) return { status: "not-zero", code: report.code };
    // The first call warms up.
    if (call < 0) startedAt = performance.now();
    else secondsPerCall.push(report.durationNs / 1e9);
  }
  return { status: "exercised", secondsPerCall };
}

function medianOf(values: number[]): number {
  const ascending = [...values].sort((a, b) => a - b);
  const middle = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[middle]! : (ascending[middle - 1]! + ascending[middle]!) / 2;
}
