import { textTable } from "../../report/text-table.js";
import type { SentinelResult } from "./judge-sentinel.js";

/** A sentinel over all its rounds; its figures are those of the round that says most: least over the bound, or closest to it. */
export interface SentinelSummary extends SentinelResult {
  rounds: number;
  asExpected: number;
}

export function summarise(results: SentinelResult[]): SentinelSummary[] {
  const groups = new Map<string, SentinelResult[]>();
  for (const result of results) {
    const key = [result.spec, result.variant, result.entry, result.name].join("/");
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()].map((rounds) => {
    const right = rounds.filter((round) => round.got === round.expected);
    const wrong = rounds.filter((round) => round.got !== round.expected);
    // A surprise is what must be seen, whatever the other rounds gave.
    const shown = wrong[0] ?? right.reduce((most, round) => ((round.expected === "rejected") === round.share < most.share ? round : most));
    return { ...shown, rounds: rounds.length, asExpected: right.length };
  });
}

export const isSurprise = (summary: SentinelSummary): boolean => summary.asExpected < summary.rounds;

export function countLine(summaries: SentinelSummary[]): string {
  const count = (expected: SentinelSummary["expected"]) => {
    const all = summaries.filter((summary) => summary.expected === expected);
    return `${all.filter((summary) => !isSurprise(summary)).length} ${expected} of ${all.length}`;
  };
  return `${count("rejected")}, ${count("accepted")}`;
}

function gotText({ got, gate, output, regime, share }: SentinelSummary): string {
  if (got === "accepted") return `accepted, at most ${Math.round(100 * share)} % of a bound: ${gate} of ${output}, ${regime}`;
  if (gate === "crash") return "rejected: crash";
  return `rejected by ${gate} of ${output}, ${regime}${Number.isFinite(share) ? `, ${timesText(share)} times over` : ""}`;
}

const timesText = (share: number): string => (share < 1000 ? share.toPrecision(2) : share.toExponential(0));

export function sentinelTable(summaries: SentinelSummary[]): string {
  const repeated = summaries.some((summary) => summary.rounds > 1);
  const head = ["spec", "variant", "entry", "sentinel", "expected", ...(repeated ? ["rounds"] : []), "got", ""];
  const rows = summaries.map((summary) => [
    summary.spec,
    summary.variant,
    summary.entry,
    summary.name,
    summary.expected,
    ...(repeated ? [`${summary.asExpected}/${summary.rounds}`] : []),
    gotText(summary),
    isSurprise(summary) ? "SURPRISE" : "",
  ]);
  return textTable([head, ...rows]);
}
