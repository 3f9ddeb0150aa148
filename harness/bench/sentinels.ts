import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { UsageError } from "../cli/usage-error.js";
import { hostTargetName } from "../targets.js";
import { judgeApart } from "./sentinels/judge-apart.js";
import { judgeRounds } from "./sentinels/judge-rounds.js";
import type { SentinelResult } from "./sentinels/judge-sentinel.js";
import { countLine, isSurprise, sentinelTable, summarise } from "./sentinels/table.js";

const shippedSpecs = [
  ...["rmsnorm", "linear", "softmax-cross-entropy"],
  ...["rope", "swiglu", "attention", "embedding", "lm-head-cross-entropy", "adamw"],
];
const shippedVariants = ["f32", "bf16"];

/**
 * Wrong kernels that the alignment gates must reject and honest ones that they must accept: proof that the gates are neither blind
 * nor quarrelsome. Every round draws fresh hidden cases. Exit code 1 where anything comes out otherwise than expected.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      spec: { type: "string", multiple: true },
      variant: { type: "string", multiple: true },
      only: { type: "string", default: "" },
      repeat: { type: "string", default: "1" },
      jobs: { type: "string", default: String(Math.min(4, availableParallelism())) },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = positiveInteger("repeat", values.repeat);
  const jobs = positiveInteger("jobs", values.jobs);
  requireAll("spec", values.spec, shippedSpecs);
  requireAll("variant", values.variant, shippedVariants);
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const choices = (values.spec ?? shippedSpecs).flatMap((spec) =>
    (values.variant ?? shippedVariants).map((variant) => ({ spec, variant, only: values.only, rounds, signal: controller.signal })),
  );
  const results: SentinelResult[] = [];
  const skipped: string[] = [];
  const parts = choices.length > 1 ? await judgeApart(choices, jobs) : [await judgeRounds(choices[0]!)];
  for (const part of parts) {
    results.push(...part.results);
    skipped.push(...part.skipped);
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ results, skipped })}\n`);
    return summarise(results).some(isSurprise) ? 1 : 0;
  }
  const summaries = summarise(results);
  const lines = [
    sentinelTable(summaries),
    "",
    ...skipped.map((line) => `skipped: ${line}`),
    `${countLine(summaries)}, on ${hostTargetName}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return summaries.length === 0 || summaries.some(isSurprise) ? 1 : 0;
}

function requireAll(option: string, asked: string[] | undefined, known: string[]): void {
  for (const name of asked ?? [])
    if (!known.includes(name)) throw new UsageError(`there are no sentinels for '${name}'; --${option} takes ${known.join(", ")}`);
}

function positiveInteger(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${option} takes a number from 1, not ${text}`);
  return value;
}
