import { createHash } from "node:crypto";
import { inputsOf } from "./align/case-inputs.js";
import { evaluateCase } from "./align/evaluate.js";
import { hiddenCases } from "./align/kernel-case.js";
import { withoutNumbers } from "./hidden-detail.js";
import type { CheckAnswer, JudgeContext } from "./judge-context.js";
import { deriveSeed } from "./numerics/random.js";
import { bytesOf } from "./numerics/tensor.js";
import { thresholds } from "./thresholds.js";

/** Same inputs, same bits: repeated over other poison, so that reading what was not written shows as well. */
export async function checkDeterminism(context: JudgeContext): Promise<CheckAnswer> {
  const { spec } = context.loaded;
  if (spec.gates.determinism === "none")
    return { status: "skipped", summary: "not asked for", reason: "the spec's gates.determinism is none" };
  if (context.suspended === "determinism") return { status: "passed", summary: "not looked at" };
  const bench = await context.bench();
  let compared = 0;
  for (const entry of context.entries) {
    // The last of a round of hidden cases has a medium size, where threads have something to share out.
    const kernelCase = hiddenCases(spec, entry.name, deriveSeed(context.seeds.hidden, "determinism"))[2]!;
    const inputs = await context.stopwatch.during("running", () => inputsOf(bench, { ...kernelCase, regime: "normal" }));
    const session = await context.stopwatch.during("running", () =>
      context.target.open({
        libraries: [context.artifact!],
        entries: context.entries,
        threads: context.threads,
        memory: "plain",
        wallMs: 300_000,
      }),
    );
    try {
      let first: Record<string, string> | null = null;
      for (let repeat = 0; repeat < (context.quick ? 2 : thresholds.determinismRepeats); repeat++) {
        const pattern = (0x7fc0 + repeat) * 0x10001;
        const report = await context.stopwatch.during("running", () =>
          evaluateCase(session, spec, entry, 0, kernelCase, inputs, pattern >>> 0),
        );
        if (report.status !== "returned")
          return {
            status: "failed",
            summary: `${entry.name} does not return every time`,
            evidence: [
              {
                law: "positive answer",
                kind: "crash",
                entry: entry.name,
                detail: report.status === "crashed" ? withoutNumbers(report.detail) : "the call did not return in time",
              },
            ],
          };
        const hashes = await context.stopwatch.during("comparing", async () =>
          Object.fromEntries(
            Object.entries(report.outputs).map(([name, tensor]) => [name, createHash("sha1").update(bytesOf(tensor)).digest("hex")]),
          ),
        );
        first ??= hashes;
        const differing = Object.keys(hashes).find((name) => hashes[name] !== first![name]);
        if (differing)
          return {
            status: "failed",
            summary: `${entry.name}: ${differing} differs between calls on the same inputs`,
            evidence: [{ law: "determinism", kind: "determinism", entry: entry.name, output: differing, differing: repeat }],
          };
        compared++;
      }
    } finally {
      await context.stopwatch.during("running", () => session.close());
    }
  }
  return { status: "passed", summary: `${compared} calls, bitwise equal on equal inputs` };
}
