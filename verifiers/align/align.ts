import type { Session } from "../../specs/contracts/target.js";
import type { Evidence } from "../../specs/contracts/verdict.js";
import type { CheckAnswer, JudgeContext } from "../judge-context.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { inputsOf } from "./case-inputs.js";
import { evaluateCase } from "./evaluate.js";
import { OracleFault } from "./gates.js";
import { compareOutputs, evidenceOf, judgeOutput } from "./judge-case.js";
import { hiddenCases, type KernelCase, publicCases } from "./kernel-case.js";

/** Public cases first, for their evidence may be shown in full; then hidden ones, drawn for this submission alone. */
export async function checkAlignment(context: JudgeContext): Promise<CheckAnswer> {
  const { spec } = context.loaded;
  const names = context.entries.map((entry) => entry.name);
  const visible = names.flatMap((name) => publicCases(spec, name));
  const hidden = context.quick ? [] : names.flatMap((name) => hiddenCases(spec, name, context.seeds.hidden));
  const session = await context.stopwatch.during("running", () =>
    context.target.open({
      libraries: [context.artifact!],
      entries: context.entries,
      threads: context.threads,
      memory: "plain",
      wallMs: 600_000,
    }),
  );
  try {
    for (const group of [visible, hidden]) {
      const evidence: Evidence[] = [];
      for (const kernelCase of group) {
        context.signal.throwIfAborted();
        evidence.push(...(await judgeCase(context, session, kernelCase)));
        // A few public failures say more than one; a hidden one says all that may be said.
        if (evidence.some((item) => item.kind === "crash") || evidence.length >= (kernelCase.visibility === "public" ? 3 : 1)) break;
      }
      if (evidence.length > 0) return { status: "failed", summary: describe(evidence[0]!), evidence };
    }
    return {
      status: "passed",
      summary: `${visible.length} public and ${hidden.length} hidden cases within the honest envelope, unbiased, classes right`,
    };
  } catch (error) {
    if (error instanceof OracleFault) return { status: "errored", summary: "the oracle's answer is no number", reason: error.message };
    throw error;
  } finally {
    await session.close();
  }
}

async function judgeCase(context: JudgeContext, session: Session, kernelCase: KernelCase): Promise<Evidence[]> {
  const { spec } = context.loaded;
  const { stopwatch } = context;
  const entry = spec.entries[kernelCase.entry]!;
  const signature = context.entries.find((candidate) => candidate.name === kernelCase.entry)!;
  const bench = await context.bench();
  const inputs = await stopwatch.during("running", () => inputsOf(bench, kernelCase));
  const half = 0x7fc0 | (new Random(deriveSeed(kernelCase.seed, "poison")).bits() & 0x3f);
  const report = await stopwatch.during("running", () =>
    evaluateCase(session, spec, signature, 0, kernelCase, inputs, ((half << 16) | half) >>> 0),
  );
  const crash = (detail: string): Evidence[] => [
    {
      kind: "crash",
      entry: kernelCase.entry,
      detail:
        kernelCase.visibility === "public" ? `${detail}, sizes ${JSON.stringify(kernelCase.sizes)}, regime ${kernelCase.regime}` : detail,
    },
  ];
  if (report.status === "crashed") return crash(report.detail);
  if (report.status === "timeout") return crash("the call did not return in time");
  if (report.code !== 0) return crash(`the call returned status ${report.code}`);
  if (report.controlWordChanged) return crash("the call changed the floating-point control word (flush-to-zero, rounding)");
  if (report.inputsChanged) return crash("the call changed an input");
  const oracle = await stopwatch.during("running", () => bench.evaluateOracle(kernelCase, inputs));
  const exact = kernelCase.regime === "exact";
  const honest = exact ? [] : await stopwatch.during("running", () => bench.evaluateHonest(kernelCase, inputs));
  return stopwatch.during("comparing", async () => {
    for (const comparison of compareOutputs(entry, signature, { candidate: report.outputs, oracle, honest })) {
      const failure = judgeOutput(comparison, exact, deriveSeed(kernelCase.seed, "bias"));
      if (failure) return [evidenceOf(kernelCase, comparison.output, failure)];
    }
    return [];
  });
}

function describe(evidence: Evidence): string {
  if (evidence.kind === "crash") return `${evidence.entry}: ${evidence.detail}`;
  if (evidence.kind !== "alignment") return "misaligned";
  const over = evidence.visibility === "public" ? evidence.measured / evidence.bound : evidence.timesOver;
  return `${evidence.entry}: ${evidence.output} breaks the ${evidence.gate} gate in regime ${evidence.regime}${Number.isFinite(over) ? `, ${over.toFixed(1)} times the bound` : ""} (${evidence.visibility})`;
}
