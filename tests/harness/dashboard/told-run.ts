import { candidateBytes } from "../../../harness/candidate-files.js";
import type { EventBody, GoalDescription } from "../../../specs/contracts/event.js";
import type { OpenRun, RunStore } from "../../../specs/contracts/store.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import type { CheckResult, SpeedFigure, Verdict } from "../../../specs/contracts/verdict.js";
import { runStarted, sampleCandidate, sampleFigure, sampleGoal } from "../sample-run.js";

/** Words that a page must show as words. */
export interface Words {
  summary: string;
  turn: string;
  compiler: string;
  source: string;
  note: string;
}

export const plainWords: Words = {
  summary: "wider vectors",
  turn: "I will widen the vectors.",
  compiler: "kernel.c:3:5: error: expected ';'\nkernel.c:4:1: note: here",
  source: "int answer(void) { return 42; }\n",
  note: "rows over threads helped",
};

export function figure(ratio: number, entry = "forward"): SpeedFigure {
  return { ...sampleFigure, entry, ratio, low: ratio * 0.96, high: ratio * 1.05, baselineSeconds: sampleFigure.candidateSeconds * ratio };
}

const passed = (check: CheckResult["check"], durationMs: number): CheckResult => ({
  check,
  status: "passed",
  durationMs,
  summary: `${check} is well`,
});

export function failedVerdict(log: string): Verdict {
  return verdict("failed", [
    passed("rules", 12),
    { check: "build", status: "failed", durationMs: 40, summary: "gcc says no", evidence: [{ law: "build", kind: "build", log }] },
  ]);
}

export function surpassedVerdict(ratio: number): Verdict {
  const figures = [figure(ratio), figure(ratio * 1.1, "backward")];
  return verdict("surpassed", [
    passed("rules", 12),
    passed("build", 300),
    passed("memory", 900),
    passed("align", 2100),
    passed("determinism", 80),
    { ...passed("speed", 9000), figures: figures.map((one) => ({ ...one, ratio: one.ratio * 1.02 })) } as CheckResult,
    { ...passed("confirmation", 8000), figures } as CheckResult,
  ]);
}

function verdict(outcome: Verdict["outcome"], checks: CheckResult[]): Verdict {
  return {
    outcome,
    checks,
    seeds: { hidden: "00ff", timed: "11ee" },
    thresholds: { envelopeRms: 1.5 },
    breakdown: { building: 400, running: 200, sealing: 20, comparing: 80, timing: 280, other: 20 },
    quick: false,
  };
}

const filesOf = (candidate: Candidate): Record<string, string> =>
  Object.fromEntries([...candidateBytes(candidate)].map(([name, bytes]) => [name, bytes.toString("utf8")]));

/** A run as a model makes one, written through the real store: words, tool calls, an attempt that fails and one that surpasses. */
export async function writeToldRun(
  store: RunStore,
  words: Words = plainWords,
  goal: GoalDescription = { ...sampleGoal, agent: "anthropic" },
): Promise<OpenRun> {
  const run = await store.create(goal);
  run.append(runStarted(goal));
  const first = sampleCandidate(words.source);
  run.append({
    type: "agent-turned",
    lane: 0,
    turn: {
      role: "assistant",
      text: words.turn,
      calls: [{ id: "1", name: "write", argumentsText: JSON.stringify({ name: "kernel.c", text: words.source }) }],
    },
    usage: { input: 1200, output: 340, cacheRead: 0, cacheWrite: 0 },
    dollars: 0.0123,
  });
  run.append({
    type: "tool-called",
    lane: 0,
    call: { id: "1", name: "write", argumentsText: JSON.stringify({ name: "kernel.c", text: words.source }) },
    answer: { id: "1", text: `written\n${words.compiler}`, isError: false },
    durationMs: 12,
    changed: filesOf(first),
  });
  run.append({ type: "notes-written", lane: 0, text: words.note });
  await submit(run, 1, null, first, words.summary, failedVerdict(words.compiler));
  const second = sampleCandidate(`${words.source}int more(void) { return 43; }\n`);
  run.append({ type: "workspace-changed", lane: 0, changed: { "kernel.c": second.files["kernel.c"]! }, by: "outside" });
  await submit(run, 2, 1, second, `${words.summary}, again`, surpassedVerdict(1.5));
  return run;
}

export async function submit(
  run: OpenRun,
  attempt: number,
  base: number | null,
  candidate: Candidate,
  summary: string,
  judged: Verdict,
): Promise<void> {
  const { commit, tree } = await run.commit(candidate, summary);
  const bodies: EventBody[] = [
    { type: "attempt-submitted", attempt, commit, tree, summary, lane: 0, base },
    ...judged.checks.flatMap((result): EventBody[] => [
      { type: "check-started", attempt, check: result.check },
      { type: "check-finished", attempt, result },
    ]),
    { type: "attempt-judged", attempt, verdict: judged, bestRatio: null },
  ];
  for (const body of bodies) run.append(body);
}

export function finish(run: OpenRun, attempt: number, ratio: number): void {
  run.append({ type: "framework-accepted", attempt, outcome: "surpassed", directory: "generated/rmsnorm/f32/x86-64", ratio });
  run.append({ type: "run-finished", end: "surpassed", attempts: attempt, elapsedMs: 84_000, message: "" });
}
