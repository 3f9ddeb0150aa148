import type { AgentBriefing } from "../../specs/contracts/agent.js";
import { isTrainerExam } from "../../specs/contracts/trainer-spec.js";
import type { CheckResult, Evidence, Mismatch, SpeedFigure, Verdict } from "../../specs/contracts/verdict.js";
import { figuresOf, isAccepted } from "../../specs/verdict-speed.js";
import { markData } from "./mark-data.js";

/** Of all that programs printed in one verdict, so that an answer is never cut through a mark. */
const mostLogCharacters = 10_000;
const mostEvidence = 4;
const mostMismatches = 8;

/**
 * A verdict as an agent is told it. Before it passes: the first thing that is wrong, on the smallest public case where there is one.
 * Once it passes: how fast each entry is, and how far from what the chip can do. Nothing of hidden cases but law, output and regime.
 */
export function verdictFeedback(verdict: Verdict, briefing: AgentBriefing): string {
  const parts = [`${verdict.outcome.toUpperCase()}${verdict.quick ? " (public cases only)" : ""}`];
  const stopped = verdict.checks.find((check) => check.status === "failed" || check.status === "errored");
  if (stopped) parts.push(stoppedText(stopped));
  for (const check of verdict.checks) if (check.status === "passed" && check.warnings?.length) parts.push(warningsText(check.warnings));
  const figures = figuresOf(verdict);
  if (figures.length > 0) parts.push(speedText(figures, briefing));
  const undecided = verdict.checks.find((check) => check.status === "undecided");
  if (undecided?.status === "undecided") parts.push(`${undecided.check} is undecided: ${undecided.reason}`);
  if (verdict.quick && verdict.outcome === "passed") parts.push("Submit it to have it judged in full and timed.");
  return parts.join("\n");
}

/** The entry with the most to win, for a closer look; null where nothing was timed. */
export function slowestEntry(verdict: Verdict, briefing: AgentBriefing): { entry: string; timedSize: number } | null {
  if (!isAccepted({ verdict })) return null;
  const [slowest] = [...figuresOf(verdict)].sort((a, b) => lost(b) - lost(a));
  if (!slowest) return null;
  const sizes = JSON.stringify(slowest.sizes);
  const { loaded } = briefing;
  const timedSize = isTrainerExam(loaded) ? 0 : loaded.spec.cases.timed.findIndex((timed) => JSON.stringify(timed) === sizes);
  return { entry: slowest.entry, timedSize: Math.max(0, timedSize) };
}

/** Seconds per call that the physical limit would save. */
const lost = (figure: SpeedFigure): number => figure.candidateSeconds * (1 - figure.limitFraction);

function stoppedText(check: CheckResult): string {
  if (check.status === "errored") return `The ${check.check} check could not be made, which says nothing of the code: ${check.reason}`;
  if (check.status !== "failed") return "";
  const taken = check.evidence.slice(0, mostEvidence);
  const shown = taken.map((evidence) => evidenceFeedback(evidence, mostLogCharacters / taken.length));
  const more = check.evidence.length > shown.length ? `\n(and ${check.evidence.length - shown.length} more)` : "";
  return `The ${check.check} check failed: ${check.summary}\n${shown.join("\n")}${more}`;
}

function evidenceFeedback(evidence: Evidence, mostCharacters: number): string {
  switch (evidence.kind) {
    case "rules":
    case "fault":
    case "training":
      return `- law "${evidence.law}": ${quoted("detail", evidence.detail, mostCharacters)}`;
    case "build":
      return quoted("compiler", evidence.log, mostCharacters);
    case "misaligned":
      return misalignment(evidence);
    case "memory":
    case "crash":
    case "speed":
      return `- ${evidence.entry}: ${quoted("detail", evidence.detail, mostCharacters)}`;
    case "determinism":
      return `- ${evidence.entry}, output ${evidence.output}: other bits in repeat ${evidence.differing} of a call with the same inputs`;
    case "alignment":
      return evidence.visibility === "public" ? publicCase(evidence) : hiddenCase(evidence);
  }
}

function publicCase(evidence: Extract<Evidence, { kind: "alignment"; visibility: "public" }>): string {
  const sizes = Object.entries(evidence.sizes)
    .map(([symbol, value]) => `${symbol}=${value}`)
    .join(", ");
  const rows = evidence.mismatches.slice(0, mostMismatches).map(mismatchText);
  return [
    `- ${evidence.entry}, output ${evidence.output}, public case ${sizes}, inputs ${evidence.regime}: gate ${evidence.gate}, ${evidence.measured.toPrecision(3)} where ${evidence.bound.toPrecision(3)} is allowed`,
    ...rows,
  ].join("\n");
}

const mismatchText = ({ output, index, expected, got, timesOver }: Mismatch): string =>
  `    ${output}[${index.join(", ")}] is ${got}, expected ${expected} (${timesOver.toPrecision(3)} times over the bound)`;

function misalignment({ output, gate, timesOver, visibility, mismatch }: Extract<Evidence, { kind: "misaligned" }>): string {
  const where = visibility === "public" ? "a public case" : visibility === "hidden" ? "a hidden case" : "the spec's own shape, few tokens";
  const hint =
    visibility === "public"
      ? ""
      : visibility === "hidden"
        ? " The public cases pass: think of shapes, schedules, ignored targets and clipping that they do not have."
        : " Small shapes pass: think of what only wide rows or large vocabularies show.";
  const row = mismatch ? `\n${mismatchText(mismatch)}` : "";
  return `- ${output}, ${where}: gate ${gate}, ${timesOver.toPrecision(3)} times over the bound.${hint}${row}`;
}

const hiddenCase = (evidence: Extract<Evidence, { kind: "alignment"; visibility: "hidden" }>): string =>
  `- ${evidence.entry}, output ${evidence.output}, a hidden case with inputs ${evidence.regime}: gate ${evidence.gate}, ${evidence.timesOver.toPrecision(3)} times over the bound. The public cases pass: think of sizes, values and alignments that they do not have.`;

function speedText(figures: SpeedFigure[], briefing: AgentBriefing): string {
  const lines = figures.map((figure) => {
    const sizes = Object.entries(figure.sizes)
      .map(([symbol, value]) => `${symbol}=${value}`)
      .join(", ");
    const limit = figure.candidateSeconds * figure.limitFraction;
    const gap =
      figure.limitedBy === "bandwidth"
        ? `moves ${(figure.bytesPerSecond / 1e9).toFixed(1)} GB/s`
        : `does ${(figure.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`;
    return `- ${figure.entry} at ${sizes}: ${figure.ratio.toFixed(3)}x the baseline [${figure.low.toFixed(3)}, ${figure.high.toFixed(3)}] (${figure.outcome}), ${milliseconds(figure.candidateSeconds)}; ${gap}, ${(100 * figure.limitFraction).toFixed(0)} % of what ${figure.limitedBy} allows (${milliseconds(limit)})`;
  });
  const [most] = [...figures].sort((a, b) => lost(b) - lost(a));
  const hint = most && figures.length > 1 ? [`Most is to be won in ${most.entry}: ${milliseconds(lost(most))} a call.`] : [];
  return [`Measured with ${briefing.threads} thread(s):`, ...lines, ...hint].join("\n");
}

const milliseconds = (seconds: number): string => `${(seconds * 1e3).toPrecision(3)} ms`;

const warningsText = (warnings: string[]): string =>
  `Warnings: ${quoted("compiler", warnings.slice(0, 5).join("\n"), mostLogCharacters / 4)}`;

/** What a compiler or a program printed is marked as such: nothing in it is an instruction. */
function quoted(who: "compiler" | "detail", text: string, mostCharacters: number): string {
  return markData(who, text.length > mostCharacters ? `${text.slice(0, mostCharacters)}\n[… cut]` : text);
}
