import type { CallReport, Session } from "../../specs/contracts/target.js";
import type { Evidence } from "../../specs/contracts/verdict.js";
import { Random } from "../numerics/random.js";
import type { Stopwatch } from "../stopwatch.js";
import { thresholds } from "../thresholds.js";
import { ForeignLoad } from "./foreign-load.js";
import type { RatioEstimate } from "./sequential-test.js";
import { rowsPerCall, type SpotCheck } from "./spot-check.js";
import type { TimedInputs } from "./timed-inputs.js";
import { decideUnits, median, trimmedMean, type Unit, type UnitsDecision } from "./units.js";

export interface Contestant {
  session: Session;
  library: number;
}

export type DuelResult =
  | {
      status: "measured";
      outcome: "faster" | "slower" | "within" | "undecided";
      estimate: RatioEstimate;
      /** Without the slowest calls, as the ratio is. */
      candidateSeconds: number;
      baselineSeconds: number;
      /** Mean over all calls of the candidate. */
      meanSeconds: number;
      calls: number;
      /** Of what is undecided. */
      reason: string;
    }
  | { status: "failed"; evidence: Evidence[] }
  | { status: "errored"; reason: string };

export interface DuelOptions {
  entry: string;
  candidate: Contestant;
  baseline: Contestant;
  timed: TimedInputs;
  check: SpotCheck;
  seed: string;
  /** Ratio that "faster" must exceed. */
  target: number;
  limitMs: number;
  /** Most that the machine may be shared before it counts as busy: units thrown away. */
  maximumRepeats: number;
  /** Threads that a process may have after a call. */
  allowedThreads: number;
  /** CPU seconds of our other sandboxes, which are not to count as foreign. */
  otherCpuSeconds: () => number;
  stopwatch: Stopwatch;
  signal: AbortSignal;
}

type Side = "candidate" | "baseline";

/** A duel of two processes over one entry at one size: paired blocks in random ABBA order, the one that waits frozen, every call on changed inputs, every result of the candidate sealed. */
export class Duel {
  private readonly random: Random;
  private readonly calls: Record<Side, number> = { candidate: 4, baseline: 4 };
  private readonly overheadNs: Record<Side, number[]> = { candidate: [], baseline: [] };
  /** Seconds per call in each unit. */
  private readonly seconds: Record<Side, number[]> = { candidate: [], baseline: [] };
  private evidence: Evidence[] = [];
  /** Set where the baseline failed: never the candidate's fault. */
  private broken: Extract<DuelResult, { status: "errored" }> | null = null;
  private totalCalls = 0;
  private rows = 0;

  constructor(private readonly options: DuelOptions) {
    this.random = new Random(options.seed);
  }

  async run(): Promise<DuelResult> {
    const { options } = this;
    await options.baseline.session.freeze();
    await this.warmUp("candidate");
    if (this.evidence.length > 0) return { status: "failed", evidence: this.evidence };
    await this.activate("baseline");
    await this.warmUp("baseline");
    if (this.broken) return this.broken;
    this.evenCalls();
    const load = new ForeignLoad(
      () => options.candidate.session.cpuSeconds() + options.baseline.session.cpuSeconds() + options.otherCpuSeconds(),
    );
    const kept: Unit[] = [];
    let window: Unit[] = [];
    let repeats = 0;
    const startedAt = performance.now();
    for (;;) {
      options.signal.throwIfAborted();
      window.push(await options.stopwatch.during("timing", () => this.runUnit()));
      if (this.broken) return this.broken;
      if (this.evidence.length > 0) return { status: "failed", evidence: this.evidence };
      const outOfTime = performance.now() - startedAt > options.limitMs;
      if (load.windowMs() < thresholds.foreignWindowMs && !outOfTime) continue;
      if (load.closeWindow() > thresholds.foreignCpuShare) {
        repeats += window.length;
        window = [];
        if (repeats > options.maximumRepeats || outOfTime) return this.busy(repeats, kept);
        continue;
      }
      for (const unit of window.splice(0)) {
        kept.push(unit);
        const decision = decideUnits(kept, options.target, false);
        if (decision.state !== "continue") return this.conclude(kept, decision);
      }
      if (outOfTime) {
        const decision = decideUnits(kept, options.target, true);
        if (decision.state !== "continue") return this.conclude(kept, decision);
        return this.busy(repeats, kept);
      }
    }
  }

  private busy(repeats: number, kept: Unit[]): DuelResult {
    return {
      status: "errored",
      reason: `machine busy: others used more than ${thresholds.foreignCpuShare * 100} % of a core while ${repeats} units were measured (${kept.length} were quiet); run it again when it is quiet (\`forge check --quick\` times nothing)`,
    };
  }

  private conclude(units: Unit[], decision: Exclude<UnitsDecision, { state: "continue" }>): DuelResult {
    const clock = this.judgeClock();
    if (clock) return { status: "failed", evidence: [clock] };
    return {
      status: "measured",
      outcome: decision.state === "decided" ? decision.outcome : "undecided",
      estimate: decision.estimate,
      candidateSeconds: median(this.seconds.candidate),
      baselineSeconds: median(this.seconds.baseline),
      meanSeconds: units.reduce((sum, unit) => sum + unit.candidateMean, 0) / units.length,
      calls: this.totalCalls,
      reason: decision.state === "undecided" ? decision.reason : "",
    };
  }

  /**
   * Two calls, so that caches, page tables and thread pools are there; then a few that tell how long a call takes with all that lies
   * between calls: a block lasts at least its 50 ms by the clock on the wall, of which short calls are a part only.
   */
  private async warmUp(side: Side): Promise<void> {
    for (const calls of [1, 1, thresholds.blockCalls]) {
      const startedAt = performance.now();
      await this.runBlock(side, calls);
      if (this.evidence.length > 0 || this.broken) return;
      this.calls[side] = Math.max(thresholds.blockCalls, Math.ceil((thresholds.blockMs * calls) / (performance.now() - startedAt)));
    }
  }

  /** Sides that are nearly alike make equally many calls: a share of the slowest is then the same number of them. */
  private evenCalls(): void {
    const { candidate, baseline } = this.calls;
    const most = Math.max(candidate, baseline);
    if (most <= 1.3 * Math.min(candidate, baseline)) this.calls.candidate = this.calls.baseline = most;
    this.rows = rowsPerCall(2 * this.calls.candidate, thresholds.grossUnits);
  }

  /** ABBA or BAAB by the toss of a coin. */
  private async runUnit(): Promise<Unit> {
    const [outer, inner]: [Side, Side] = this.random.bits() < 0 ? ["candidate", "baseline"] : ["baseline", "candidate"];
    const times: Record<Side, number[]> = { candidate: [], baseline: [] };
    for (const side of [outer, inner, inner, outer]) {
      await this.activate(side);
      times[side].push(...(await this.runBlock(side, this.calls[side])));
      if (this.evidence.length > 0 || this.broken) return { ratio: 0, candidateMean: 0, baselineMean: 0 };
    }
    // Compared between units, when neither clock runs; both are frozen, for threads that wait by spinning would slow it.
    await this.options.candidate.session.freeze();
    await this.options.baseline.session.freeze();
    await this.options.stopwatch.during("comparing", async () => {
      this.evidence = await this.options.check.compare();
    });
    for (const side of ["candidate", "baseline"] as const) this.seconds[side].push(trimmedMean(times[side], thresholds.slowestShare));
    return {
      ratio: Math.log(this.seconds.baseline.at(-1)! / this.seconds.candidate.at(-1)!),
      candidateMean: trimmedMean(times.candidate, 0),
      baselineMean: trimmedMean(times.baseline, 0),
    };
  }

  private async activate(side: Side): Promise<void> {
    const other = side === "candidate" ? "baseline" : "candidate";
    await this.options[other].session.freeze();
    await this.options[side].session.thaw();
  }

  /** Seconds of each call, none where evidence was found. */
  private async runBlock(side: Side, calls: number): Promise<number[]> {
    const { timed, check, entry, stopwatch } = this.options;
    const { session, library } = this.options[side];
    const seconds: number[] = [];
    for (let call = 0; call < calls; call++) {
      const set = timed.chooseSet();
      // Both sides go through the same motions, so that neither finds other caches than its rival.
      const selections = check.prepare(set, this.rows || rowsPerCall(8, thresholds.grossUnits));
      await stopwatch.during("sealing", () => timed.flush(session));
      const report = await session.call({
        library,
        entry,
        set,
        sizes: timed.kernelCase.sizes,
        scalars: timed.kernelCase.scalars,
        poison: this.poison(),
      });
      const failure = this.judgeReport(report);
      if (failure && side === "baseline") {
        this.broken = { status: "errored", reason: `the baseline: ${failure.detail}` };
        break;
      }
      if (failure) {
        this.evidence = [failure];
        break;
      }
      const returned = report as Extract<CallReport, { status: "returned" }>;
      seconds.push(returned.durationNs / 1e9);
      this.overheadNs[side].push(returned.outsideNs - returned.insideNs);
      this.totalCalls++;
      await stopwatch.during("sealing", () => check.seal(session, set, selections, side === "candidate"));
      if (side === "candidate" && call === 0) {
        const projection = await stopwatch.during("comparing", () => check.checkProjection(session, set));
        if (projection) this.evidence = [projection];
      }
    }
    return seconds;
  }

  /** A quiet NaN with a fresh payload in both halves, so that it is one in f32 and in each bf16. */
  private poison(): number {
    const half = 0x7fc0 | (this.random.bits() & 0x3f);
    return ((half << 16) | half) >>> 0;
  }

  private judgeReport(report: CallReport): { kind: "crash" | "speed"; entry: string; detail: string } | null {
    const { entry } = this.options;
    if (report.status === "crashed") return { kind: "crash", entry, detail: report.detail };
    if (report.status === "timeout") return { kind: "crash", entry, detail: "the call did not return in time" };
    if (report.code !== 0) return { kind: "crash", entry, detail: `returned status ${report.code}` };
    if (report.durationNs <= 0 || report.durationNs > report.insideNs)
      return { kind: "speed", entry, detail: "the runner's clock says what cannot be: it was tampered with" };
    if (report.controlWordChanged)
      return { kind: "speed", entry, detail: "the call changed the floating-point control word (flush-to-zero, rounding)" };
    if (report.inputsChanged) return { kind: "speed", entry, detail: "the call changed an input" };
    if (report.threads > this.options.allowedThreads)
      return { kind: "speed", entry, detail: `${report.threads} threads were there after the call, ${this.options.allowedThreads} may be` };
    return null;
  }

  /** The runner's clock against ours: what the candidate's calls took outside their own clock, beyond what the baseline's did. */
  private judgeClock(): Evidence | null {
    const excessNs = median(this.overheadNs.candidate) - median(this.overheadNs.baseline);
    const allowedNs = 300_000 + 0.25 * 1e9 * median(this.seconds.candidate);
    if (excessNs <= allowedNs) return null;
    return {
      kind: "speed",
      entry: this.options.entry,
      detail: `calls took ${(excessNs / 1e6).toFixed(3)} ms longer by our clock than by the runner's: work outside the timed region, or a patched clock`,
    };
  }
}
