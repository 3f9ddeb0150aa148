import { createHash } from "node:crypto";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { isAccepted, type RatioInterval, speedUpOf } from "../../specs/verdict-speed.js";
import type { Evidence, Lesson } from "./lesson.js";

const longestText = 400;

interface Finding {
  text: string;
  effect: Lesson["effect"];
  evidence: Evidence;
  /** Lessons that the attempt said it tried. */
  tried: string[];
}

/**
 * The lessons after a run: each attempt against the one whose code it began from. What worked and what did not, with the figures; a lesson that
 * an attempt tried and that came out otherwise gets a contradiction. Learning from the same run again changes nothing.
 */
export function learnFrom(lessons: readonly Lesson[], events: readonly ForgeEvent[]): Lesson[] {
  return findingsOf(events).reduce<Lesson[]>(learn, structuredClone(lessons) as Lesson[]);
}

function learn(lessons: Lesson[], { text, effect, evidence, tried }: Finding): Lesson[] {
  const isKnown = (list: Evidence[]) => list.some(({ run, attempt }) => run === evidence.run && attempt === evidence.attempt);
  for (const lesson of lessons.filter(({ id }) => tried.includes(id))) {
    const list = lesson.effect === effect ? lesson.evidence : lesson.contradictions;
    if (!isKnown(list)) list.push(evidence);
  }
  const id = idOf(text);
  const same = lessons.find((lesson) => lesson.id === id);
  if (!same) {
    // Another's idea that was tried again is no lesson of its own.
    return tried.length > 0 ? lessons : [...lessons, { id, text, effect, evidence: [evidence], contradictions: [] }];
  }
  const list = same.effect === effect ? same.evidence : same.contradictions;
  if (!isKnown(same.evidence) && !isKnown(same.contradictions)) list.push(evidence);
  return lessons;
}

const idOf = (text: string): string =>
  `L${createHash("sha256").update(text.toLowerCase().replace(/\W+/g, " ").trim()).digest("hex").slice(0, 6)}`;

function findingsOf(events: readonly ForgeEvent[]): Finding[] {
  const [started] = events;
  // Whoever hands in what was there before has tried nothing.
  if (started?.type !== "run-started" || /^(resubmit|replay)\b/.test(started.goal.agent)) return [];
  const verdicts = new Map(events.flatMap((event) => (event.type === "attempt-judged" ? [[event.attempt, event.verdict] as const] : [])));
  return events.flatMap((event) => {
    if (event.type !== "attempt-submitted") return [];
    const verdict = verdicts.get(event.attempt);
    // What has no verdict taught nothing.
    if (!verdict || verdict.outcome === "errored") return [];
    const before = event.base == null ? undefined : verdicts.get(event.base);
    const { effect, finding, from, to } = compare(before, verdict);
    const evidence = { run: event.run, attempt: event.attempt, variant: started.goal.variant, before: from, after: to, finding };
    return [{ text: event.summary.slice(0, longestText), effect, evidence, tried: event.lessons ?? [] }];
  });
}

function compare(
  before: Verdict | undefined,
  after: Verdict,
): { effect: Lesson["effect"]; finding: string; from: number | null; to: number | null } {
  const from = before ? speedOf(before) : null;
  const to = speedOf(after);
  const ratios = { from: from?.ratio ?? null, to: to?.ratio ?? null };
  if (to === null) {
    const failed = after.checks.find((check) => check.status === "failed");
    if (isAccepted({ verdict: after })) return { effect: "worked", finding: "passes", ...ratios };
    return { effect: "did-not", finding: `fails in ${failed?.check ?? "judging"}: ${failed?.summary ?? ""}`.slice(0, 300), ...ratios };
  }
  const place = `${to.ratio.toFixed(2)}x the baseline`;
  if (from === null) return { effect: "worked", finding: `passes at ${place}`, ...ratios };
  const change = `from ${from.ratio.toFixed(2)}x to ${place}`;
  // Only intervals that do not touch tell the two apart.
  if (to.low > from.high) return { effect: "worked", finding: `faster: ${change}`, ...ratios };
  return { effect: "did-not", finding: `${to.high < from.low ? "slower" : "no difference that can be told"}: ${change}`, ...ratios };
}

function speedOf(verdict: Verdict): RatioInterval | null {
  return isAccepted({ verdict }) ? speedUpOf(verdict) : null;
}
