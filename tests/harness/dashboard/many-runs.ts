import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jsonText } from "../../../harness/report/escape-text.js";
import { logName } from "../../../harness/store/run-index.js";
import type { EventBody } from "../../../specs/contracts/event.js";
import { runStarted, sampleGoal } from "../sample-run.js";
import { failedVerdict, plainWords, surpassedVerdict } from "./told-run.js";

const eventsARun = 50;

/**
 * Writes runs of 50 events in the store's own format: as many appends through the store itself would wait for half a million fsyncs. A test
 * reads some of them back through the store.
 */
export function writeManyRuns(directory: string, count: number): string[] {
  const specs = ["rmsnorm", "linear", "softmax-cross-entropy"];
  const startedAt = Date.UTC(2026, 0, 1);
  return Array.from({ length: count }, (_, index) => {
    const spec = specs[index % specs.length]!;
    const at = startedAt + index * 300_000;
    const stamp = new Date(at).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
    const run = `${spec}-f32-x86-64-${stamp}-${index.toString(16).padStart(4, "0")}`;
    const lines = bodies(index, spec).map((body, sequence) =>
      jsonText({ sequence, at: new Date(at + sequence * 2000).toISOString(), run, ...body }),
    );
    mkdirSync(join(directory, run));
    writeFileSync(join(directory, run, logName), `${lines.join("\n")}\n`);
    return run;
  });
}

/** Three attempts of a model, the first wrong, the second and third faster; padded with what it says. */
function bodies(index: number, spec: string): EventBody[] {
  const ratio = 1.1 + (index % 90) / 100;
  const judged = [failedVerdict(plainWords.compiler), surpassedVerdict(ratio), surpassedVerdict(ratio + 0.1)];
  const attempts = judged.flatMap((verdict, position): EventBody[] => {
    const attempt = position + 1;
    return [
      {
        type: "attempt-submitted",
        attempt,
        commit: "1".repeat(40),
        tree: "2".repeat(40),
        summary: `${plainWords.summary} ${attempt}`,
        lane: 0,
        base: position === 0 ? null : position,
      },
      ...verdict.checks.map((result): EventBody => ({ type: "check-finished", attempt, result })),
      { type: "attempt-judged", attempt, verdict, bestRatio: null },
    ];
  });
  const end: EventBody[] = [
    { type: "framework-accepted", attempt: 3, outcome: "surpassed", directory: `generated/${spec}/f32/x86-64`, ratio: ratio + 0.1 },
    { type: "run-finished", end: "surpassed", attempts: 3, elapsedMs: 100_000, message: "" },
  ];
  const said = eventsARun - 1 - attempts.length - end.length;
  const words = Array.from(
    { length: said },
    (_, turn): EventBody => ({
      type: "agent-turned",
      lane: 0,
      turn: { role: "assistant", text: `${plainWords.turn} Turn ${turn} of run ${index}.`, calls: [] },
      usage: { input: 1000, output: 200, cacheRead: 0, cacheWrite: 0 },
      dollars: 0.004,
    }),
  );
  return [runStarted({ ...sampleGoal, spec, agent: index % 2 === 0 ? "anthropic" : "autotune" }), ...words, ...attempts, ...end];
}
