import type { Artifact, Session, SessionRequest } from "../specs/contracts/target.js";
import type { Evidence } from "../specs/contracts/verdict.js";
import { casesWithInputs } from "./align/case-inputs.js";
import { evaluateCase } from "./align/evaluate.js";
import { examCases } from "./align/exam-cases.js";
import type { Inputs, KernelCase } from "./align/kernel-case.js";
import { withoutNumbers } from "./hidden-detail.js";
import type { CheckAnswer, JudgeContext } from "./judge-context.js";
import { deriveSeed } from "./numerics/random.js";

/** Hidden sizes tried under each kind of guard, besides the public ones. */
const hiddenPerEntry = 6;

/** Guard pages at both ends of every buffer, then address and undefined-behaviour sanitizers where the target has them. */
export async function checkMemory(context: JudgeContext): Promise<CheckAnswer> {
  const { target, threads, entries, quick } = context;
  if (context.suspended === "guarded memory") return { status: "passed", summary: "not looked at" };
  const cases: { kernelCase: KernelCase; inputs: Inputs }[] = [];
  const bench = await context.bench();
  for (const { name } of entries) {
    const { visible, hidden } = examCases(context, name, deriveSeed(context.seeds.hidden, "memory"));
    const chosen = [...visible, ...hidden.slice(0, hiddenPerEntry)];
    cases.push(...(await context.stopwatch.during("running", () => casesWithInputs(bench, chosen))));
  }
  const guarded: SessionRequest["memory"][] = ["guarded-end", "guarded-start"];
  for (const memory of guarded) {
    const evidence = await runUnder(context, context.artifact!, { libraries: [], entries, threads, memory, wallMs: 300_000 }, cases);
    if (evidence) return { status: "failed", summary: `out of bounds (${memory})`, evidence: [evidence] };
  }
  if (quick || !target.sanitizers())
    return {
      status: "passed",
      summary: `${cases.length} cases between guards at both ends; ${quick ? "sanitizers left out of a quick check" : "this target has no sanitizers"}`,
    };
  const build = await context.stopwatch.during("building", () =>
    target.build({ candidate: context.candidate, support: context.support, entries, mode: "sanitized", threads }),
  );
  if (build.status === "failed") return { status: "errored", summary: "the sanitized build failed", reason: build.log };
  const evidence = await runUnder(
    context,
    build.artifact,
    { libraries: [], entries, threads, memory: "sanitized", compiler: context.candidate.manifest.compiler, wallMs: 300_000 },
    cases,
  );
  if (evidence) return { status: "failed", summary: "a sanitizer objects", evidence: [evidence] };
  return { status: "passed", summary: `${cases.length} cases between guards at both ends and under sanitizers` };
}

async function runUnder(
  context: JudgeContext,
  artifact: Artifact,
  request: SessionRequest,
  cases: { kernelCase: KernelCase; inputs: Inputs }[],
): Promise<Evidence | null> {
  return context.stopwatch.during("running", async () => {
    const session: Session = await context.target.open({ ...request, libraries: [artifact] });
    try {
      for (const { kernelCase, inputs } of cases) {
        const entry = context.entries.find((candidate) => candidate.name === kernelCase.entry)!;
        const report = await evaluateCase(session, context.loaded.spec, entry, 0, kernelCase, inputs, 0x7fc17fc1);
        const about = kernelCase.visibility === "public" ? ` with sizes ${JSON.stringify(kernelCase.sizes)}` : "";
        if (report.status === "crashed") {
          const detail = kernelCase.visibility === "public" ? report.detail : withoutNumbers(report.detail);
          return { law: "guarded memory", kind: "memory", entry: entry.name, detail: `${detail}${about}` };
        }
        if (report.status === "timeout")
          return { law: "positive answer", kind: "memory", entry: entry.name, detail: `did not return${about}` };
        if (report.inputsChanged && context.suspended !== "read-only inputs")
          return { law: "read-only inputs", kind: "memory", entry: entry.name, detail: `changed an input${about}` };
      }
      return null;
    } finally {
      await session.close();
    }
  });
}
