import type { EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import type { CheckResult, SpeedFigure, Verdict } from "../../../specs/contracts/verdict.js";

/** A run in the form in which the store keeps it: tuning, a failed attempt, a passed one, a surpassing one. */
export function recordedRun(): ForgeEvent[] {
  const startedAt = Date.UTC(2025, 0, 2, 3, 4, 5);
  return bodies.map((body, sequence) => ({
    ...body,
    sequence,
    at: new Date(startedAt + sequence * 500).toISOString(),
    run: "rmsnorm-f32-x86-64-1",
  }));
}

export function speedFigure(ratio: number, low: number, high: number): SpeedFigure {
  return {
    entry: "rmsnorm_forward",
    sizes: { rows: 8192, width: 1536 },
    outcome: "faster",
    ratio,
    low,
    high,
    confidence: 0.99,
    units: 40,
    calls: 160,
    candidateSeconds: 0.004,
    baselineSeconds: 0.004 * ratio,
    limitFraction: 0.81,
    limitedBy: "bandwidth",
    flopsPerSecond: 1e9,
    bytesPerSecond: 2e10,
  };
}

export function verdictOf(outcome: Verdict["outcome"], checks: CheckResult[]): Verdict {
  return {
    outcome,
    checks,
    seeds: { hidden: "aa", timed: "bb" },
    thresholds: {},
    breakdown: { building: 900, running: 1200, sealing: 10, comparing: 400, timing: 3000, other: 50 },
    quick: false,
  };
}

const passedRules: CheckResult = { check: "rules", status: "passed", durationMs: 12, summary: "object exports and imports what it may" };
const failedAlign: CheckResult = {
  check: "align",
  status: "failed",
  durationMs: 2100,
  summary: "1 of 24 cases differs",
  evidence: [
    {
      law: "precision",
      kind: "alignment",
      visibility: "public",
      entry: "rmsnorm_forward",
      gate: "envelope-max",
      output: "y",
      regime: "offset",
      sizes: { rows: 3, width: 17 },
      measured: 0.0125,
      bound: 0.0001,
      mismatches: [{ output: "y", index: [2, 5], expected: 1.5, got: 1.4875, timesOver: 125 }],
    },
  ],
};
const passedSpeed: CheckResult = {
  check: "speed",
  status: "passed",
  durationMs: 61_000,
  summary: "faster",
  figures: [speedFigure(1.5, 1.4, 1.6)],
};
const confirmed: CheckResult = {
  check: "confirmation",
  status: "passed",
  durationMs: 9000,
  summary: "confirmed",
  figures: [speedFigure(1.45, 1.4, 1.5)],
};

const bodies: EventBody[] = [
  {
    type: "run-started",
    formatVersion: 1,
    goal: {
      spec: "rmsnorm",
      specPath: "specs/kernels/rmsnorm.yaml",
      specHash: "0".repeat(64),
      variant: "f32",
      target: "x86-64",
      agent: "autotune",
      threads: 2,
      budget: { attempts: 8, minutes: 3 },
    },
    machine: {
      target: "x86-64",
      cpuModel: "A CPU\u001b[2J",
      isa: ["avx2"],
      cores: 2,
      memoryBytes: 2 ** 34,
      cacheBytes: { l1d: 32768, l2: 2 ** 20, l3: 2 ** 25 },
    },
    sandbox: { kind: "bubblewrap", version: "0.8.0", protections: ["network"] },
    forgeVersion: "0.1.0",
  },
  { type: "attempt-submitted", attempt: 1, commit: "1".repeat(40), tree: "2".repeat(40), summary: "first try\u001b[31m" },
  { type: "check-started", attempt: 1, check: "rules" },
  { type: "check-finished", attempt: 1, result: passedRules },
  { type: "check-started", attempt: 1, check: "align" },
  { type: "check-finished", attempt: 1, result: failedAlign },
  { type: "attempt-judged", attempt: 1, verdict: verdictOf("failed", [passedRules, failedAlign]), bestRatio: null },
  { type: "tuning-started", trialsPlanned: 2 },
  { type: "trial-finished", label: "gcc -O3", status: "measured", seconds: 0.00412, best: true, detail: "" },
  { type: "trial-finished", label: "clang -ffast-math", status: "rejected", seconds: null, best: false, detail: "align: y" },
  { type: "agent-noted", text: "two loops\nmerged" },
  { type: "attempt-submitted", attempt: 2, commit: "3".repeat(40), tree: "4".repeat(40), summary: "gcc -O3" },
  { type: "check-started", attempt: 2, check: "speed" },
  { type: "check-finished", attempt: 2, result: passedSpeed },
  { type: "check-finished", attempt: 2, result: confirmed },
  { type: "attempt-judged", attempt: 2, verdict: verdictOf("surpassed", [passedRules, passedSpeed, confirmed]), bestRatio: 1.45 },
  { type: "framework-accepted", attempt: 2, outcome: "surpassed", directory: "generated/rmsnorm/f32/x86-64", ratio: 1.45 },
  { type: "run-finished", end: "surpassed", attempts: 2, elapsedMs: 84_000, message: "" },
];
