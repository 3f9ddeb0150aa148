import type { Session } from "../../specs/contracts/target.js";
import type { AlignmentGate, Evidence } from "../../specs/contracts/verdict.js";
import { withoutNumbers } from "../hidden-detail.js";
import type { CheckAnswer, JudgeContext } from "../judge-context.js";
import type { Law } from "../laws.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { toDoubles } from "../numerics/tensor.js";
import { OracleFault } from "./classes.js";
import { evaluateCase } from "./evaluate.js";
import { examCases } from "./exam-cases.js";
import { evidenceOf } from "./judge-case.js";
import type { KernelCase } from "./kernel-case.js";
import { readGates } from "./output-expectation.js";
import { isFailure, shareOf } from "./output-reference.js";
import { prepareCase } from "./prepared-case.js";

/** The reading that came closest to its bound, or went furthest over it, among all that were taken. */
export interface ClosestReading {
  share: number;
  entry: string;
  output: string;
  gate: AlignmentGate;
  regime: KernelCase["regime"];
}

export interface Alignment {
  answer: CheckAnswer;
  closest: ClosestReading | null;
}

export async function checkAlignment(context: JudgeContext): Promise<CheckAnswer> {
  return (await measureAlignment(context)).answer;
}

/** Public cases first, for their evidence may be shown in full; then hidden ones, drawn for this submission alone. */
export async function measureAlignment(context: JudgeContext): Promise<Alignment> {
  const exams = context.entries.map(({ name }) => examCases(context, name, context.seeds.hidden));
  // The smallest failure says most.
  const visible = exams.flatMap((exam) => exam.visible).sort((a, b) => volumeOf(a) - volumeOf(b));
  const hidden = exams.flatMap((exam) => exam.hidden);
  const session = await context.stopwatch.during("running", () =>
    context.target.open({
      libraries: [context.artifact!],
      entries: context.entries,
      threads: context.threads,
      memory: "plain",
      wallMs: 600_000,
    }),
  );
  let closest: ClosestReading | null = null;
  try {
    for (const group of [visible, hidden]) {
      const evidence: Evidence[] = [];
      for (const kernelCase of group) {
        context.signal.throwIfAborted();
        const judged = await judgeCase(context, session, kernelCase);
        evidence.push(...judged.evidence);
        if (judged.closest && !(closest && judged.closest.share <= closest.share)) closest = judged.closest;
        // A few public failures say more than one; a hidden one says all that may be said.
        if (evidence.some((item) => item.kind === "crash") || evidence.length >= (kernelCase.visibility === "public" ? 3 : 1)) break;
      }
      if (evidence.length > 0) return { answer: { status: "failed", summary: describe(evidence[0]!), evidence }, closest };
    }
    const used = closest ? `, at most ${Math.ceil(100 * closest.share)} % of a bound used` : "";
    const summary = `${visible.length} public and ${hidden.length} hidden cases within the honest envelope, unbiased, classes right${used}`;
    return { answer: { status: "passed", summary }, closest };
  } catch (error) {
    if (!(error instanceof OracleFault)) throw error;
    return { answer: { status: "errored", summary: "the oracle's answer is no number", reason: error.message }, closest };
  } finally {
    await context.stopwatch.during("running", () => session.close());
  }
}

const volumeOf = ({ sizes }: KernelCase): number => Object.values(sizes).reduce((product, size) => product * size, 1);

interface JudgedCase {
  evidence: Evidence[];
  closest: ClosestReading | null;
}

async function judgeCase(context: JudgeContext, session: Session, kernelCase: KernelCase): Promise<JudgedCase> {
  const { spec } = context.loaded;
  const { stopwatch } = context;
  const signature = context.entries.find((candidate) => candidate.name === kernelCase.entry)!;
  const prepared = await prepareCase(await context.bench(), kernelCase, stopwatch);
  const half = 0x7fc0 | (new Random(deriveSeed(kernelCase.seed, "poison")).bits() & 0x3f);
  const report = await stopwatch.during("running", () =>
    evaluateCase(session, spec, signature, 0, kernelCase, prepared.inputs, ((half << 16) | half) >>> 0),
  );
  const crash = (law: Law, detail: string): JudgedCase => ({
    evidence: [
      {
        law,
        kind: "crash",
        entry: kernelCase.entry,
        detail:
          kernelCase.visibility === "public"
            ? `${detail}, sizes ${JSON.stringify(kernelCase.sizes)}, regime ${kernelCase.regime}`
            : withoutNumbers(detail),
      },
    ],
    closest: null,
  });
  if (report.status === "crashed") return crash("positive answer", report.detail);
  if (report.status === "timeout") return crash("positive answer", "the call did not return in time");
  if (report.code !== 0) return crash("positive answer", `the call returned status ${report.code}`);
  if (report.controlWordChanged && context.suspended !== "control word")
    return crash("control word", "the call changed the floating-point control word (flush-to-zero, rounding)");
  if (report.inputsChanged && context.suspended !== "read-only inputs") return crash("read-only inputs", "the call changed an input");
  return stopwatch.during("comparing", async () => {
    let closest: ClosestReading | null = null;
    for (const expectation of prepared.outputs) {
      const { output } = expectation.reference;
      const readings = readGates(expectation, toDoubles(report.outputs[output]!), context.suspended);
      for (const reading of readings) {
        const share = shareOf(reading);
        if (!(closest && share <= closest.share))
          closest = { share, entry: kernelCase.entry, output, gate: reading.gate, regime: kernelCase.regime };
      }
      const failure = readings.find(isFailure);
      if (failure) return { evidence: [evidenceOf(kernelCase, output, failure)], closest };
    }
    return { evidence: [], closest };
  });
}

function describe(evidence: Evidence): string {
  if (evidence.kind === "crash") return `${evidence.entry}: ${evidence.detail}`;
  if (evidence.kind !== "alignment") return "misaligned";
  const over = evidence.visibility === "public" ? evidence.measured / evidence.bound : evidence.timesOver;
  return `${evidence.entry}: ${evidence.output} breaks the ${evidence.gate} gate in regime ${evidence.regime}${Number.isFinite(over) ? `, ${over.toFixed(1)} times the bound` : ""} (${evidence.visibility})`;
}
