import { describe, expect, it } from "vitest";
import { learnFrom } from "../../../harness/playbook/learn.js";
import { isDemoted, type Lesson } from "../../../harness/playbook/lesson.js";
import { playbookText } from "../../../harness/playbook/playbook.js";
import type { EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import type { Verdict } from "../../../specs/contracts/verdict.js";
import { runStarted, sampleFigure, sampleVerdict } from "../sample-run.js";

interface Attempt {
  summary: string;
  base?: number;
  lessons?: string[];
  verdict: Verdict;
}

const passing = (ratio: number, spread = 0.02): Verdict => ({
  ...sampleVerdict("surpassed"),
  checks: [
    {
      check: "confirmation",
      status: "passed",
      durationMs: 1,
      summary: "",
      figures: [{ ...sampleFigure, ratio, low: ratio * (1 - spread), high: ratio * (1 + spread) }],
    },
  ],
});

/** A run's log: the given attempts, each judged after it was submitted. */
function runOf(run: string, attempts: Attempt[]): ForgeEvent[] {
  const bodies: EventBody[] = [runStarted()];
  attempts.forEach(({ summary, base, lessons, verdict }, index) => {
    const attempt = index + 1;
    bodies.push({
      type: "attempt-submitted",
      attempt,
      commit: "c".repeat(40),
      tree: "d".repeat(40),
      summary,
      lane: 0,
      base: base ?? null,
      ...(lessons ? { lessons } : {}),
    });
    bodies.push({ type: "attempt-judged", attempt, verdict, bestRatio: null });
  });
  return bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-01T00:00:00.000Z", run }));
}

const firstRun = runOf("run-1", [
  { summary: "plain loops", verdict: passing(1.1) },
  { summary: "two rows at a time", base: 1, verdict: passing(1.6) },
  { summary: "prefetch by hand", base: 2, verdict: passing(1.3) },
  { summary: "aligned loads", base: 2, verdict: passing(1.61) },
  { summary: "sums in bf16", base: 2, verdict: sampleVerdict("failed") },
  { summary: "the machine was busy", base: 2, verdict: sampleVerdict("errored") },
]);

const byText = (lessons: Lesson[], text: string): Lesson => lessons.find((lesson) => lesson.text === text)!;

describe("what a run teaches", () => {
  const lessons = learnFrom([], firstRun);

  it("is each attempt held against the one that it began from, with figures and the run", () => {
    expect(lessons.map(({ text, effect }) => [text, effect])).toEqual([
      ["plain loops", "worked"],
      ["two rows at a time", "worked"],
      ["prefetch by hand", "did-not"],
      ["aligned loads", "did-not"],
      ["sums in bf16", "did-not"],
    ]);
    expect(byText(lessons, "two rows at a time").evidence).toEqual([
      { run: "run-1", attempt: 2, variant: "f32", before: 1.1, after: 1.6, finding: "faster: from 1.10x to 1.60x the baseline" },
    ]);
    expect(byText(lessons, "prefetch by hand").evidence[0]!.finding).toBe("slower: from 1.60x to 1.30x the baseline");
    expect(byText(lessons, "aligned loads").evidence[0]!.finding).toMatch(/^no difference that can be told/);
    expect(byText(lessons, "sums in bf16").evidence[0]!.finding).toBe("fails in build: gcc 12");
  });

  it("is learnt once, however often the run is looked at", () => {
    expect(learnFrom(lessons, firstRun)).toEqual(lessons);
  });

  it("is nothing where code was only handed in again", () => {
    const again = structuredClone(firstRun);
    for (const event of again) if (event.type === "run-started") event.goal.agent = "resubmit";
    expect(learnFrom([], again)).toEqual([]);
  });

  it("is told with the largest gain first, and what did not work after it", () => {
    const lines = playbookText(lessons).split("\n");
    expect(lines[0]).toBe("Worked:");
    expect(lines[1]).toMatch(/two rows at a time \(f32, faster: from 1.10x to 1.60x the baseline, run run-1\)$/);
    expect(lines.indexOf("Did not:")).toBe(3);
    expect(playbookText([])).toBe("");
  });
});

describe("a lesson that later runs try", () => {
  const planted: Lesson = {
    id: "Lfa15e0",
    text: "flush the cache before every row",
    effect: "worked",
    evidence: [
      { run: "forged-by-nobody", attempt: 1, variant: "f32", before: 1, after: 3, finding: "faster: from 1.00x to 3.00x the baseline" },
    ],
    contradictions: [],
  };
  const trying = (after: Verdict) =>
    runOf("run-2", [
      { summary: "a start", verdict: passing(1.5) },
      { summary: "as the playbook says", base: 1, lessons: [planted.id], verdict: after },
    ]);

  it("is demoted where it comes out otherwise: told as contradicted, no more as something that works", () => {
    expect(playbookText([planted])).toMatch(/^Worked:\n- Lfa15e0/);
    const after = learnFrom([planted], trying(passing(0.9)));
    const lesson = byText(after, planted.text);
    expect(isDemoted(lesson)).toBe(true);
    expect(lesson.contradictions).toMatchObject([{ run: "run-2", attempt: 2, finding: "slower: from 1.50x to 0.90x the baseline" }]);
    const text = playbookText(after);
    expect(text.slice(0, text.indexOf("Said to work"))).not.toContain(planted.id);
    expect(text).toContain("but later runs contradict it:\n- Lfa15e0: flush the cache before every row (slower: from 1.50x to 0.90x");
    // The attempt was another's idea: it makes no lesson of its own.
    expect(after.map(({ text }) => text)).toEqual([planted.text, "a start"]);
  });

  it("is confirmed where it comes out as told", () => {
    const lesson = byText(learnFrom([planted], trying(passing(2.5))), planted.text);
    expect(lesson.evidence).toHaveLength(2);
    expect(isDemoted(lesson)).toBe(false);
  });

  it("is neither where the attempt has no verdict", () => {
    expect(byText(learnFrom([planted], trying(sampleVerdict("errored"))), planted.text)).toEqual(planted);
  });
});
