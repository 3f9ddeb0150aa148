import type { TrainerCheckName, TrainerCheckResult, TrainerEvidence, TrainerVerdict } from "../../specs/contracts/trainer-verdict.js";
import { escapeText } from "../report/escape-text.js";
import { breakdownText } from "../report/figures-text.js";
import { durationText } from "./duration-text.js";

/** Milestones of the exam by check; the others are what must hold before any of them is looked at. */
const milestones: Partial<Record<TrainerCheckName, string>> = {
  forward: "M3",
  backward: "M4",
  steps: "M5",
  checkpoint: "M5",
  training: "M6",
  speed: "S1",
};

const headlines: Record<TrainerVerdict["outcome"], string> = {
  failed: "Failed.",
  passed: "Passed: it trains right.",
  surpassed: "Surpassed: it trains right, and faster than the baseline beyond doubt.",
  errored: "Errored: the harness or the machine failed; this says nothing of the code.",
};

const labelOf = (check: TrainerCheckName): string => (milestones[check] ? `${milestones[check]} ${check}` : check);

/** One rung of the ladder in one line. */
export function trainerCheckLine({ check, status, durationMs, summary }: TrainerCheckResult): string {
  return `  ${labelOf(check)}: ${status} in ${durationText(durationMs)}; ${escapeText(summary)}`;
}

function evidenceLine(evidence: TrainerEvidence): string {
  switch (evidence.kind) {
    case "build":
      return escapeText(evidence.log.split("\n").find((line) => /error|undefined reference/i.test(line)) ?? "no output");
    case "misaligned": {
      const { mismatch } = evidence;
      const where = mismatch ? `; at [${mismatch.index.join(", ")}] expected ${mismatch.expected}, got ${mismatch.got}` : "";
      return `${evidence.output}: ${evidence.gate}, ${evidence.timesOver.toPrecision(3)} times the bound (${evidence.visibility} case)${where}`;
    }
    default:
      return `${evidence.law}: ${escapeText(evidence.detail)}`;
  }
}

/** A trainer's verdict for people: outcome, what was wrong, where the time went. */
export function trainerVerdictText(verdict: TrainerVerdict): string {
  const quick = verdict.quick ? " (Quick: public cases only, no training, no speed; hidden cases were not sat.)" : "";
  const trouble = verdict.checks.flatMap(({ check, evidence }) => evidence.map((item) => `  ${labelOf(check)}: ${evidenceLine(item)}`));
  const seeds = Object.entries(verdict.seeds).map(([name, seed]) => `${name} ${seed}`);
  return [
    `${headlines[verdict.outcome]}${quick}`,
    ...trouble,
    `Took ${breakdownText(verdict.breakdown)}.`,
    ...(verdict.quick ? [] : [`Seeds, now revealed: ${seeds.join(", ")}`]),
  ].join("\n");
}
