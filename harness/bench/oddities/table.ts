import { textTable } from "../../report/text-table.js";
import type { OddityCase, OddityResult } from "./judge-oddity.js";
import { sizesText } from "./small-sizes.js";

export interface OdditySummary {
  oddity: OddityCase;
  verdicts: number;
  accused: number;
  errored: number;
  slowestSeconds: number;
  /** Of all verdicts and entries: the least and the largest. */
  ratios: { least: number; largest: number } | null;
  accusations: string[];
}

/** An errored verdict is none: the machine was busy, which says nothing of the kernel. */
export function summariseOddity(oddity: OddityCase, results: OddityResult[]): OdditySummary {
  const ratios = results.flatMap((result) => Object.values(result.ratios));
  return {
    oddity,
    verdicts: results.filter((result) => result.outcome !== "errored").length,
    accused: results.filter((result) => result.accusations.length > 0).length,
    errored: results.filter((result) => result.outcome === "errored").length,
    slowestSeconds: Math.max(0, ...results.map((result) => result.seconds)),
    ratios: ratios.length === 0 ? null : { least: Math.min(...ratios), largest: Math.max(...ratios) },
    accusations: [...new Set(results.flatMap((result) => result.accusations))],
  };
}

export function oddityTable(summaries: OdditySummary[]): string {
  const head = ["oddity", "spec", "variant", "target", "timed at", "verdicts", "accused", "errored", "slowest", "times the baseline", ""];
  const rows = summaries.map(({ oddity, verdicts, accused, errored, slowestSeconds, ratios }) => [
    oddity.name,
    oddity.spec,
    oddity.variant,
    oddity.target,
    sizesText(oddity.sizes),
    String(verdicts),
    String(accused),
    String(errored),
    `${slowestSeconds.toFixed(1)} s`,
    ratios === null ? "" : `${ratios.least.toFixed(2)} to ${ratios.largest.toFixed(2)}`,
    accused > 0 ? "ACCUSED" : "",
  ]);
  return textTable([head, ...rows], new Set([5, 6, 7, 8]));
}

export function oddityCountLine(summaries: OdditySummary[]): string {
  const sum = (value: (summary: OdditySummary) => number) => summaries.reduce((total, summary) => total + value(summary), 0);
  const names = new Set(summaries.map(({ oddity }) => oddity.name)).size;
  return `${names} oddities, ${sum(({ verdicts }) => verdicts)} verdicts, ${sum(({ accused }) => accused)} accused, ${sum(({ errored }) => errored)} errored`;
}
