import type { CheckResult, Verdict } from "../../specs/contracts/verdict.js";
import { checkLabel } from "../report/check-label.js";
import { escapeText } from "../report/escape-text.js";
import { breakdownText, figuresText } from "../report/figures-text.js";
import { evidenceText } from "./evidence-text.js";

const evidenceShown = 10;

const headlines: Record<Verdict["outcome"], string> = {
  failed: "Failed.",
  passed: "Passed: it is right.",
  surpassed: "Surpassed: it is right, and faster than the baseline beyond doubt.",
  errored: "Errored: the harness or the machine failed; this says nothing of the code.",
};

/** A verdict for people: outcome, what was wrong, how fast, where the time went. */
export function verdictText(verdict: Verdict): string {
  const quick = verdict.quick ? " (Quick: public cases only, no speed; hidden cases were not sat.)" : "";
  const lines = [`${headlines[verdict.outcome]}${quick}`, ...verdict.checks.flatMap(troubleLines), ...figureLines(verdict)];
  lines.push(`Took ${breakdownText(verdict.breakdown)}.`);
  const seeds = Object.entries(verdict.seeds).filter(([, seed]) => seed !== "");
  if (seeds.length > 0) lines.push(`Seeds, now revealed: ${seeds.map(([name, seed]) => `${name} ${seed}`).join(", ")}`);
  return lines.join("\n");
}

function troubleLines(result: CheckResult): string[] {
  switch (result.status) {
    case "passed":
      return (result.warnings ?? [])
        .slice(0, evidenceShown)
        .map((warning) => `  ${checkLabel(result.check)}: warning: ${escapeText(warning)}`);
    case "failed": {
      const shown = result.evidence.slice(0, evidenceShown).map((evidence) => `  ${checkLabel(result.check)}: ${evidenceText(evidence)}`);
      const left = result.evidence.length - shown.length;
      return left > 0 ? [...shown, `  and ${left} more (--json has all)`] : shown;
    }
    default:
      return [`  ${checkLabel(result.check)}: ${result.status}: ${escapeText(result.reason)}`];
  }
}

function figureLines(verdict: Verdict): string[] {
  for (const check of ["confirmation", "speed"]) {
    const result = verdict.checks.find((candidate) => candidate.check === check);
    if (result && "figures" in result && result.figures && result.figures.length > 0) return indented(figuresText(result.figures));
  }
  return [];
}

function indented(text: string): string[] {
  return text.split("\n").map((line) => `  ${line}`);
}
