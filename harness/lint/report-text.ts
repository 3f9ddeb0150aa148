import { escapeText } from "../report/escape-text.js";
import { textTable } from "../report/text-table.js";
import { deadShare, type ExamReport, neededShare, tallyOf, weaknessesOf } from "./exam-report.js";
import type { MutantResult } from "./mutant.js";
import { mutationRules } from "./mutations.js";

/** The report for people: counts, every survivor as a diff, the judgement. */
export function reportText(report: ExamReport): string {
  const { spec, variant, semantic, generated } = report;
  const rows = [
    ["mistakes", "planted", "noticed", "survived", "equivalent", "not counted", "share noticed"],
    ...(semantic ? [tallyRow("of the list", semantic)] : []),
    ...mutationRules.flatMap((rule) => {
      const mine = generated.filter(({ mutant }) => mutant.kind === rule);
      return mine.length > 0 ? [tallyRow(rule, mine)] : [];
    }),
    tallyRow("all generated", generated),
  ];
  const shown = (title: string, state: MutantResult["fate"]["state"], from: MutantResult[]) => {
    const found = from.filter(({ fate }) => fate.state === state);
    return found.length === 0
      ? []
      : [
          "",
          `${title}:`,
          ...found.flatMap(({ mutant }) => [
            "",
            `${mutant.entry}: ${escapeText(mutant.label)}`,
            ...mutant.diff.map((line) => `  ${escapeText(line)}`),
          ]),
        ];
  };
  const all = [...(semantic ?? []), ...generated];
  const weaknesses = weaknessesOf(report);
  return [
    `${spec} ${variant}`,
    textTable(rows),
    gatesText(all),
    ...(semantic === null
      ? ["There is no list of semantic mistakes (mutants/<name>.yaml beside the spec): only generated ones were tried."]
      : []),
    ...shown("Not noticed", "survived", all),
    ...shown("Equivalent: bitwise the reference in float64 on 1,000 cases", "equivalent", all),
    "",
    weaknesses.length === 0
      ? `Strong: every mistake of the list and at least ${100 * neededShare} % of the generated ones were noticed.`.replace(
          semantic === null ? "every mistake of the list and " : "\0",
          "",
        )
      : `Weak: ${weaknesses.join("; ")}.`,
  ].join("\n");
}

function tallyRow(name: string, results: MutantResult[]): string[] {
  const tally = tallyOf(results);
  const share = tally.dead + tally.survived === 0 ? "" : `${(100 * deadShare(tally)).toFixed(1)} %`;
  return [name, ...[tally.planted, tally.dead, tally.survived, tally.equivalent, tally.notCounted].map(String), share];
}

function gatesText(results: MutantResult[]): string {
  const counts = new Map<string, number>();
  for (const { fate } of results) if (fate.state === "dead") counts.set(fate.gate, (counts.get(fate.gate) ?? 0) + 1);
  const gates = [...counts].sort((a, b) => b[1] - a[1]).map(([gate, count]) => `${gate} ${count}`);
  return `noticed by: ${gates.join(", ")}`;
}
