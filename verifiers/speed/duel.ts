import type { CallReport } from "../../specs/contracts/target.js";
import type { Evidence, MachineLoad } from "../../specs/contracts/verdict.js";
import type { Law } from "../laws.js";
import { Random } from "../numerics/random.js";
import type { Stopwatch } from "../stopwatch.js";
import { thresholds } from "../thresholds.js";
import type { Contestant, Side } from "./contestant.js";
import { disturbance, ForeignLoad } from "./foreign-load.js";
import { judgeReport } from "./judge-report.js";
import type { OddRows } from "./odd-rows.js";
import { OutsideClock } from "./outside-clock.js";
import { QuietUnits } from "./quiet-units.js";
import type { RatioEstimate } from "./sequential-test.js";
import { rowsPerCall, type SpotCheck } from "./spot-check.js";
import type { TimedInputs } from "./timed-inputs.js";
import { callsPerBlock, decideUnits, median, trimmedMean, type Unit, type UnitsDecision } from "./units.js";

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
      load: MachineLoad;
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
  odd: OddRows;
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
  suspended: Law | undefined;
}

/**
 * A duel over one entry at one size: units of paired blocks in random ABBA order, each unit in two processes of its own, the one that waits
 * frozen, every call on changed inputs, every result of the candidate sealed. Who opens a duel ends its contestants.
 */
export class Duel {
  private readonly random: Random;
  private readonly calls: Record<Side, number> = { candidate: 4, baseline: 4 };
  private readonly clock: OutsideClock;
  /** Seconds per call in each unit. */
  private readonly seconds: Record<Side, number[]> = { candidate: [], baseline: [] };
  private evidence: Evidence[] = [];
  /** Set where the baseline failed: never the candidate's fault. */
  private broken: Extract<DuelResult, { status: "errored" }> | null = null;
  private totalCalls = 0;
  /** The unit after which rows of other regimes are strewn among the inputs: nobody can tell which. */
  private readonly oddUnit: number;
  private unitsRun = 0;
  /** The first set that a side's process of this unit was called on. */
  private first: Partial<Record<Side, number>> = {};
  /** Timed calls of a side until it meets that set again, changed: what is kept from call to call under an address shows in every unit. */
  private callsToAgain: Record<Side, number> = { candidate: -1, baseline: -1 };
  /** Timed calls of the candidate until that look; below zero where there is none to come. */
  private callsToOddRows = -1;
  private rows = 0;

  constructor(private readonly options: DuelOptions) {
    this.random = new Random(options.seed);
    this.clock = new OutsideClock(options.entry, options.suspended);
    this.oddUnit = this.random.integer(0, thresholds.grossUnits - 1);
  }

  async run(): Promise<DuelResult> {
    const { options } = this;
    const load = new ForeignLoad(() => options.candidate.cpuSeconds() + options.baseline.cpuSeconds() + options.otherCpuSeconds());
    const units = new QuietUnits(load);
    let measuringMs = 0;
    for (;;) {
      options.signal.throwIfAborted();
      // A unit to each pair of processes: where memory comes to lie moves all that a process does, by per cents or far more.
      load.pause();
      await this.beginProcesses();
      load.resume();
      const startedAt = performance.now();
      if (!this.failure()) units.add(await options.stopwatch.during("timing", () => this.runUnit()));
      measuringMs += performance.now() - startedAt;
      const failure = this.failure();
      if (failure) return failure;
      const outOfTime = measuringMs > options.limitMs;
      if (!units.windowIsLongEnough() && !outOfTime) continue;
      const quiet = units.closeWindow();
      if (quiet === null) {
        if (units.thrownAway > options.maximumRepeats || outOfTime) return this.busy(units);
        continue;
      }
      for (const unit of quiet) {
        units.kept.push(unit);
        const decision = decideUnits(units.kept, options.target, false, options.suspended);
        if (decision.state !== "continue") return this.conclude(units, decision);
      }
      if (outOfTime) {
        const decision = decideUnits(units.kept, options.target, true, options.suspended);
        if (decision.state !== "continue") return this.conclude(units, decision);
        return this.busy(units);
      }
    }
  }

  /** Null as long as all is well. */
  private failure(): DuelResult | null {
    return this.broken ?? (this.evidence.length > 0 ? { status: "failed", evidence: this.evidence } : null);
  }

  private busy({ kept, thrownAway }: QuietUnits): DuelResult {
    return {
      status: "errored",
      reason: `machine busy: ${disturbance()} while ${thrownAway} units were measured (${kept.length} were quiet); run it again when it is quiet (\`forge check --quick\` times nothing)`,
    };
  }

  private conclude(units: QuietUnits, decision: Exclude<UnitsDecision, { state: "continue" }>): DuelResult {
    const clock = this.clock.judge(median(this.seconds.candidate));
    if (clock) return { status: "failed", evidence: [clock] };
    return {
      status: "measured",
      outcome: decision.state === "decided" ? decision.outcome : "undecided",
      estimate: decision.estimate,
      candidateSeconds: median(this.seconds.candidate),
      baselineSeconds: median(this.seconds.baseline),
      meanSeconds: units.kept.reduce((sum, unit) => sum + unit.candidateMean, 0) / units.kept.length,
      calls: this.totalCalls,
      load: units.load(),
      reason: decision.state === "undecided" ? decision.reason : "",
    };
  }

  /**
   * Both end before the first begins, and which begins and is warmed up first is drawn: what one side gains by that, or by where its memory
   * comes to lie, is as likely the other's.
   */
  private async beginProcesses(): Promise<void> {
    const { candidate, baseline, stopwatch } = this.options;
    const order: Side[] = this.random.bits() < 0 ? ["candidate", "baseline"] : ["baseline", "candidate"];
    this.first = {};
    await stopwatch.during("running", async () => {
      await Promise.all([candidate.end(), baseline.end()]);
      await Promise.all(order.map((side) => this.options[side].begin()));
    });
    for (const side of order) {
      await this.activate(side);
      await this.warmUp(side);
      if (this.failure()) return;
    }
    if (this.unitsRun === 0) this.evenCalls();
  }

  /**
   * Single calls, so that caches, page tables and thread pools are there; in the first processes several, which tell how long a call takes
   * with all that lies between calls, and as many as that says, which tell it better: a block lasts its 50 ms by the clock on the wall, of
   * which short calls are a part only.
   */
  private async warmUp(side: Side): Promise<void> {
    for (let call = 0; call < 2 && !this.failure(); call++) await this.runBlock(side, 1, false);
    if (this.unitsRun > 0 || this.failure()) return;
    for (let calls: number = thresholds.blockCalls; ; calls = this.calls[side]) {
      const startedAt = performance.now();
      await this.runBlock(side, calls, false);
      if (this.failure()) return;
      this.calls[side] = callsPerBlock((performance.now() - startedAt) / calls);
      if (calls > thresholds.blockCalls || this.calls[side] <= thresholds.blockCalls) return;
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
    const before = this.clock.now();
    // Before any of its calls alike: whoever counts calls does not know which it is.
    if (this.unitsRun++ === this.oddUnit) this.callsToOddRows = this.random.integer(0, 2 * this.calls.candidate - 1);
    for (const side of [outer, inner]) this.callsToAgain[side] = this.random.integer(this.calls[side], 2 * this.calls[side] - 1);
    for (const side of [outer, inner, inner, outer]) {
      await this.activate(side);
      times[side].push(...(await this.runBlock(side, this.calls[side], true)));
      if (this.failure()) return { ratio: 0, candidateMean: 0, baselineMean: 0 };
    }
    // Compared between units, when neither clock runs; both are frozen, for threads that wait by spinning would slow it.
    await this.options.candidate.session.freeze();
    await this.options.baseline.session.freeze();
    await this.options.stopwatch.during("comparing", async () => {
      if (this.evidence.length === 0) this.evidence = await this.options.check.compare();
    });
    const hidden = this.clock.hiddenSeconds(before);
    this.seconds.candidate.push(trimmedMean(times.candidate, thresholds.slowestShare) + hidden);
    this.seconds.baseline.push(trimmedMean(times.baseline, thresholds.slowestShare));
    return {
      ratio: Math.log(this.seconds.baseline.at(-1)! / this.seconds.candidate.at(-1)!),
      candidateMean: trimmedMean(times.candidate, 0) + hidden,
      baselineMean: trimmedMean(times.baseline, 0),
    };
  }

  private async lookAtOddRows(): Promise<void> {
    const { candidate, odd, timed, entry, stopwatch, suspended } = this.options;
    // The look is at outputs that are timed, in inputs that are fresh.
    if (suspended === "regimes" || suspended === "timed outputs" || suspended === "fresh calls") return;
    await timed.flush(candidate.session);
    const { sizes, scalars } = timed.kernelCase;
    const found = await stopwatch.during("comparing", () =>
      odd.look(candidate.session, async (set) => {
        const report = await candidate.session.call({ library: 0, entry, set, sizes, scalars, poison: this.poison() });
        const failure = judgeReport(report, this.options);
        if (failure) this.evidence = [failure];
        return failure === null;
      }),
    );
    if (found) this.evidence = [found];
  }

  private async activate(side: Side): Promise<void> {
    const other = side === "candidate" ? "baseline" : "candidate";
    await this.options[other].session.freeze();
    await this.options[side].session.thaw();
  }

  /** Seconds of each call, none where evidence was found. What is not timed is not looked at either, but for how it ends. */
  private async runBlock(side: Side, calls: number, isTimed: boolean): Promise<number[]> {
    const { timed, check, entry, stopwatch } = this.options;
    const { session } = this.options[side];
    const seconds: number[] = [];
    for (let call = 0; call < calls; call++) {
      if (isTimed && side === "candidate" && this.callsToOddRows-- === 0) {
        await this.lookAtOddRows();
        if (this.evidence.length > 0) break;
      }
      const set = isTimed && this.callsToAgain[side]-- === 0 ? this.first[side]! : timed.chooseSet();
      this.first[side] ??= set;
      // Both sides go through the same motions, so that neither finds other caches than its rival.
      const selections = await stopwatch.during("sealing", () => check.prepare(set, this.rows || rowsPerCall(8, thresholds.grossUnits)));
      await stopwatch.during("sealing", () => timed.flush(session));
      const report = await session.call({
        library: 0,
        entry,
        set,
        sizes: timed.kernelCase.sizes,
        scalars: timed.kernelCase.scalars,
        poison: this.poison(),
        lateWrites: this.options.suspended === "answers at rest",
      });
      const failure = judgeReport(report, this.options);
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
      this.clock.record(side, returned.outsideNs, returned.durationNs);
      this.totalCalls++;
      await stopwatch.during("sealing", () => check.seal(session, set, selections, isTimed && side === "candidate"));
      if (isTimed && side === "candidate" && call === 0) {
        const projection = await stopwatch.during("comparing", () => check.checkProjection(session, set));
        if (projection) this.evidence = [projection];
      }
    }
    return seconds;
  }

  /** A quiet NaN with a fresh payload in both halves, so that it is one in f32 and in each bf16. */
  private poison(): number {
    if (this.options.suspended === "fresh calls") return 0;
    const half = 0x7fc0 | (this.random.bits() & 0x3f);
    return ((half << 16) | half) >>> 0;
  }
}
