import type { StrategyView } from "../../../harness/strategies/strategy.js";
import type { Outcome, Verdict } from "../../../specs/contracts/verdict.js";
import { sampleFigure } from "../sample-run.js";

export type Attempt = StrategyView["attempts"][number];

/** An attempt as strategies see it: `ratio` is its speed, null where it failed; `code` tells its source from others'. */
export function attempt(
  number: number,
  lane: number,
  ratio: number | null,
  { base = null as number | null, code = `v${number}` } = {},
): Attempt {
  const outcome: Outcome = ratio === null ? "failed" : ratio > 1 ? "surpassed" : "passed";
  const check = { check: "confirmation" as const, durationMs: 1, summary: "timed" };
  const checks: Verdict["checks"] =
    ratio === null
      ? [{ ...check, check: "align", status: "failed", evidence: [] }]
      : [{ ...check, status: "passed", figures: [{ ...sampleFigure, ratio }] }];
  return {
    attempt: number,
    lane,
    base,
    summary: `attempt ${number}`,
    candidate: {
      files: { "kernel.c": code },
      manifest: { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags: [] }], linkFlags: [] },
    },
    verdict: {
      outcome,
      checks,
      seeds: { hidden: "00", timed: "00" },
      thresholds: {},
      breakdown: { building: 0, running: 0, sealing: 0, comparing: 0, timing: 0, other: 0 },
      quick: false,
    },
  };
}

export const view = (attempts: Attempt[], open: number[]): StrategyView => ({ attempts, open: new Set(open) });
