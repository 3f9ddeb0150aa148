import type { EventBody, GoalDescription } from "../../specs/contracts/event.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { Outcome, SpeedFigure, Verdict } from "../../specs/contracts/verdict.js";

export const sampleGoal: GoalDescription = {
  spec: "rmsnorm",
  specPath: "specs/kernels/rmsnorm.yaml",
  specHash: "a".repeat(64),
  variant: "f32",
  target: "x86-64",
  agent: "autotune",
  threads: 2,
  budget: { attempts: 5, minutes: 3 },
};

export function runStarted(goal: GoalDescription = sampleGoal): EventBody {
  return {
    type: "run-started",
    formatVersion: 1,
    goal,
    machine: {
      target: goal.target,
      cpuModel: "Sample CPU",
      isa: ["avx2"],
      cores: 2,
      memoryBytes: 2 ** 33,
      cacheBytes: { l1d: 32768, l2: 2 ** 20, l3: 2 ** 24 },
    },
    sandbox: { kind: "bubblewrap", version: "0.8.0", protections: ["network", "seccomp"] },
    forgeVersion: "0.1.0",
  };
}

export const sampleFigure: SpeedFigure = {
  entry: "forward",
  sizes: { rows: 8192, width: 1536 },
  outcome: "faster",
  ratio: 1.83,
  low: 1.8,
  high: 1.86,
  confidence: 0.999,
  units: 12,
  calls: 480,
  candidateSeconds: 0.0021,
  baselineSeconds: 0.00384,
  limitFraction: 0.91,
  limitedBy: "bandwidth",
  flopsPerSecond: 2e9,
  bytesPerSecond: 34.2e9,
};

export function sampleVerdict(outcome: Outcome): Verdict {
  return {
    outcome,
    checks:
      outcome === "surpassed" || outcome === "passed"
        ? [
            { check: "rules", status: "passed", durationMs: 12, summary: "2 exports, 1 import" },
            { check: "confirmation", status: "passed", durationMs: 900, summary: "again in a new process", figures: [sampleFigure] },
          ]
        : [
            {
              check: "build",
              status: "failed",
              durationMs: 40,
              summary: "gcc 12",
              evidence: [{ law: "build", kind: "build", log: "kernel.c:3: error: no" }],
            },
          ],
    seeds: { hidden: "00ff", timed: "11ee" },
    thresholds: { envelopeRms: 1.5 },
    breakdown: { building: 400, running: 200, sealing: 20, comparing: 80, timing: 280, other: 20 },
    quick: false,
  };
}

export function sampleCandidate(text = "int answer(void) { return 42; }\n"): Candidate {
  return {
    files: { "kernel.c": text, "inner/part.h": "#define PART 1\n" },
    manifest: { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags: ["-O3", "-fopenmp"] }], linkFlags: ["-fopenmp"] },
  };
}
