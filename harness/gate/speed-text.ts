import type { SpeedFinding, SpeedRule } from "../../specs/contracts/gate.js";

/** What a rule asks, for people. */
export const ruleText: Record<SpeedRule, string> = {
  "as-at-base": "as fast as the code at the base",
  "as-certified": "as fast as certified",
  "still-surpasses": "still faster than the baseline",
};

const outcomeText: Record<SpeedFinding["outcome"], string> = {
  held: "held",
  fell: "not held, beyond doubt",
  unclear: "not decided",
};

/** One finding in one line. */
export function findingText(finding: SpeedFinding): string {
  const sizes = Object.entries(finding.sizes).map(([symbol, value]) => `${symbol}=${value}`);
  const count = finding.measurements === 1 ? "one measurement" : `${finding.measurements} measurements`;
  return `${finding.entry} (${sizes.join(" ")}) ${ruleText[finding.rule]}: ${outcomeText[finding.outcome]} in ${count}: ${finding.detail}`;
}

export const failedSpeedText = (finding: SpeedFinding): string => `slower: ${findingText(finding)}`;

/** What was held, by which rules; what was not decided. */
export function heldSpeedText(findings: SpeedFinding[]): string {
  const count = (outcome: SpeedFinding["outcome"], rule: SpeedRule) =>
    findings.filter((finding) => finding.outcome === outcome && finding.rule === rule).length;
  const words = (Object.keys(ruleText) as SpeedRule[]).flatMap((rule) => {
    const [held, unclear] = [count("held", rule), count("unclear", rule)];
    if (held + unclear === 0) return [];
    return [unclear === 0 ? ruleText[rule] : `${ruleText[rule]} (${unclear} of ${held + unclear} not decided)`];
  });
  return words.length === 0 ? "right; no rule holds it to a speed here" : `right; ${words.join("; ")}`;
}
