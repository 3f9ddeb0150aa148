import type { Random } from "../../../verifiers/numerics/random.js";
import type { Contestant as LibraryProcess } from "../../../verifiers/speed/contestant.js";
import { rowsPerCall, type SpotCheck } from "../../../verifiers/speed/spot-check.js";
import type { TimedInputs } from "../../../verifiers/speed/timed-inputs.js";
import { thresholds } from "../../../verifiers/thresholds.js";
import { type Contestant, ContestantFailure } from "./contestant.js";

const warmUpCalls = 2;

/**
 * The forged kernel or the baseline, sandboxed, in a process of its own for each round: fresh inputs, poisoned outputs and sealing around
 * each call, as in a duel.
 */
export class SessionContestant implements Contestant {
  constructor(
    readonly name: string,
    private readonly options: {
      process: LibraryProcess;
      entry: string;
      timed: TimedInputs;
      check: SpotCheck;
      random: Random;
      /** True for the forged kernel: what it computes is compared with the oracle; the baseline only goes through the same motions. */
      isJudged: boolean;
      allowedThreads: number;
    },
  ) {}

  time(calls: number): Promise<number> {
    return this.call(calls, true);
  }

  /** What is not timed is not compared either. */
  private async call(calls: number, isTimed: boolean): Promise<number> {
    const { entry, timed, check, random, isJudged, allowedThreads } = this.options;
    const { session } = this.options.process;
    const rows = rowsPerCall(2 * calls, thresholds.grossUnits);
    let seconds = 0;
    for (let call = 0; call < calls; call++) {
      const set = timed.chooseSet();
      const selections = await check.prepare(set, rows);
      await timed.flush(session);
      const { sizes, scalars } = timed.kernelCase;
      const report = await session.call({ library: 0, entry, set, sizes, scalars, poison: poison(random) });
      if (report.status === "crashed") throw new ContestantFailure(this.name, report.detail);
      if (report.status === "timeout") throw new ContestantFailure(this.name, "a call did not return in time");
      if (report.code !== 0) throw new ContestantFailure(this.name, `returned status ${report.code}`);
      if (report.inputsChanged) throw new ContestantFailure(this.name, "a call changed an input");
      if (isJudged && report.threads > allowedThreads)
        throw new ContestantFailure(this.name, `${report.threads} threads were there after a call, ${allowedThreads} may be`);
      seconds += report.durationNs / 1e9;
      await check.seal(session, set, selections, isJudged && isTimed);
    }
    return seconds;
  }

  async renew(): Promise<void> {
    const { process } = this.options;
    await process.end();
    await process.begin();
    await this.call(warmUpCalls, false);
    await this.freeze();
  }

  freeze(): Promise<void> {
    return this.options.process.session.freeze();
  }

  thaw(): Promise<void> {
    return this.options.process.session.thaw();
  }
}

/** A quiet NaN in f32 and in both bf16 halves, never twice the same. */
function poison(random: Random): number {
  const half = 0x7fc0 | (random.bits() & 0x3f);
  return ((half << 16) | half) >>> 0;
}
