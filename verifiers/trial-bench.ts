import type { Candidate, EntrySignature, Session, Target } from "../specs/contracts/target.js";
import type { EntryTrial } from "../specs/contracts/verdict.js";
import { evaluateCase } from "./align/evaluate.js";
import { type KernelCase, publicCases } from "./align/kernel-case.js";
import { readGates } from "./align/output-expectation.js";
import { isFailure } from "./align/output-reference.js";
import { type PreparedCase, prepareCase } from "./align/prepared-case.js";
import type { ReferenceBench } from "./align/reference-bench.js";
import { deriveSeed } from "./numerics/random.js";
import { toDoubles } from "./numerics/tensor.js";
import { TimedInputs } from "./speed/timed-inputs.js";
import { Stopwatch } from "./stopwatch.js";

interface TrialCase extends PreparedCase {
  kernelCase: KernelCase;
}

/** A trial takes at least this many calls, and goes on up to this long. */
const minimumCalls = 3;
const trialMs = 250;
const maximumCalls = 30;

/**
 * Quick looks at many candidates: right on the public cases, and how long at the timed sizes. References and inputs are prepared
 * once. What it finds is no verdict: inputs stay the same from call to call, and times are not paired with a rival's.
 */
export class TrialBench {
  private constructor(
    private readonly bench: ReferenceBench,
    private readonly target: Target,
    private readonly entries: EntrySignature[],
    private readonly threads: number,
    private readonly support: Record<string, string>,
    private readonly cases: Map<string, TrialCase[]>,
    private readonly timed: Map<string, TimedInputs[]>,
  ) {}

  static async prepare(options: {
    bench: ReferenceBench;
    target: Target;
    entries: EntrySignature[];
    threads: number;
    support: Record<string, string>;
    seed: string;
    cacheBytes: number;
  }): Promise<TrialBench> {
    const { bench, entries, seed } = options;
    const { spec } = bench.loaded;
    const cases = new Map<string, TrialCase[]>();
    const timed = new Map<string, TimedInputs[]>();
    for (const { name } of entries) {
      const prepared: TrialCase[] = [];
      for (const kernelCase of publicCases(spec, name))
        prepared.push({ kernelCase, ...(await prepareCase(bench, kernelCase, new Stopwatch())) });
      cases.set(name, prepared);
      const inputs: TimedInputs[] = [];
      // A sixteenth of the cache: one set of inputs for all but tiny sizes.
      for (const sizes of spec.cases.timed)
        inputs.push(await TimedInputs.draw(bench, name, sizes, deriveSeed(seed, name), options.cacheBytes / 16));
      timed.set(name, inputs);
    }
    return new TrialBench(bench, options.target, entries, options.threads, options.support, cases, timed);
  }

  /** Never throws for what the candidate does. */
  async try(candidate: Candidate): Promise<Record<string, EntryTrial>> {
    const build = await this.target.build({
      candidate,
      support: this.support,
      entries: this.entries,
      mode: "plain",
      threads: this.threads,
    });
    if (build.status === "failed") return this.rejectAll(`does not build: ${build.log.split("\n")[0]}`);
    const open = () =>
      this.target.open({ libraries: [build.artifact], entries: this.entries, threads: this.threads, memory: "plain", wallMs: 600_000 });
    const answers: Record<string, EntryTrial> = {};
    let session = await open();
    try {
      for (const entry of this.entries) {
        answers[entry.name] = await this.tryEntry(session, entry).catch(
          (error: unknown): EntryTrial => ({ status: "rejected", reason: String(error) }),
        );
        // A crash takes the runner along; the other entries get a fresh one.
        if (answers[entry.name]!.status === "rejected") {
          await session.close();
          session = await open();
        }
      }
      return answers;
    } catch (error) {
      return { ...this.rejectAll(String(error)), ...answers };
    } finally {
      await session.close();
    }
  }

  private rejectAll(reason: string): Record<string, EntryTrial> {
    return Object.fromEntries(this.entries.map((entry) => [entry.name, { status: "rejected", reason }]));
  }

  private async tryEntry(session: Session, entry: EntrySignature): Promise<EntryTrial> {
    const { spec } = this.bench.loaded;
    for (const { kernelCase, inputs, outputs } of this.cases.get(entry.name)!) {
      const report = await evaluateCase(session, spec, entry, 0, kernelCase, inputs, 0x7fc27fc2);
      if (report.status !== "returned" || report.code !== 0)
        return { status: "rejected", reason: report.status === "crashed" ? report.detail : `did not return 0` };
      for (const expectation of outputs) {
        const { output } = expectation.reference;
        const failure = readGates(expectation, toDoubles(report.outputs[output]!)).find(isFailure);
        if (failure) return { status: "rejected", reason: `${output}: ${failure.gate} gate in regime ${kernelCase.regime}` };
      }
    }
    let seconds = 0;
    for (const timed of this.timed.get(entry.name)!) seconds += await bestSeconds(session, entry, timed);
    return { status: "measured", seconds };
  }
}

async function bestSeconds(session: Session, entry: EntrySignature, timed: TimedInputs): Promise<number> {
  await timed.fill(session, entry.name);
  const startedAt = performance.now();
  let best = Number.POSITIVE_INFINITY;
  for (let call = 0; call < maximumCalls && (call < minimumCalls || performance.now() - startedAt < trialMs); call++) {
    const report = await session.call({
      library: 0,
      entry: entry.name,
      set: call % timed.sets.length,
      sizes: timed.kernelCase.sizes,
      scalars: timed.kernelCase.scalars,
      poison: 0x7fc37fc3,
    });
    if (report.status !== "returned" || report.code !== 0)
      throw new Error(report.status === "crashed" ? report.detail : "did not return 0 at a timed size");
    best = Math.min(best, report.durationNs / 1e9);
  }
  return best;
}
