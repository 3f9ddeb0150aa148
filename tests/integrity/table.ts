import { textTable } from "../../harness/report/text-table.js";
import type { Examination, Finding } from "./examine.js";

export const questions = ["naive", "caught", "withoutLaw", "disguised", "twin"] as const;

const widest = 100;
const mark = ({ right, seen }: Finding): string => {
  const short = seen.length > widest ? `${seen.slice(0, widest)}...` : seen;
  return right ? short : `WRONG: ${short}`;
};

export const isAsItShouldBe = (examination: Examination): boolean => questions.every((question) => examination[question].right);

export function integrityTable(examinations: Examination[]): string {
  const head = ["cheater", "rows", "spec, target", "naive examiner", "law", "caught by", "law suspended", "renamed and split", "twin"];
  const rows = examinations.map(({ cheater, target, ...findings }) => [
    cheater.name,
    cheater.rows.join(" "),
    `${cheater.entry} ${cheater.variant ?? "f32"}, ${target}`,
    mark(findings.naive),
    cheater.law,
    mark(findings.caught),
    mark(findings.withoutLaw),
    findings.disguised.right ? "the same" : mark(findings.disguised),
    mark(findings.twin),
  ]);
  return textTable([head, ...rows]);
}

export function totals(examinations: Examination[]): string {
  const count = (question: (typeof questions)[number]) => examinations.filter((examination) => examination[question].right).length;
  const caught = examinations.filter(({ caught, withoutLaw, disguised }) => caught.right && withoutLaw.right && disguised.right).length;
  const harmless = examinations.filter(({ cheater }) => "harmless" in cheater.caught).length;
  return `${examinations.length} planted, ${caught} caught by their law (${harmless} of them harmless), ${count("twin")} twins accepted, ${count("naive")} naive examiners as foretold`;
}
