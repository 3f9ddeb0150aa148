import { type ExamReport, weaknessesOf } from "./exam-report.js";
import { type ExamineOptions, examineOrFind } from "./examine-or-find.js";

/** An exam whose gates would let mistakes through: what passes it has shown little. */
export class WeakExam extends Error {
  override name = "WeakExam";
}

/** The report on an exam that may be sat. Throws WeakExam where the gates notice too little, unless that is accepted. */
export async function requireStrongExam(
  options: Omit<ExamineOptions, "again"> & { specPath: string; acceptWeak: boolean },
): Promise<ExamReport> {
  const { specPath, variant, acceptWeak, say } = options;
  const report = await examineOrFind({ ...options, again: false });
  const weaknesses = weaknessesOf(report);
  if (weaknesses.length === 0) return report;
  const what = `the exam ${specPath} is weak for ${variant}: ${weaknesses.join("; ")}`;
  if (!acceptWeak)
    throw new WeakExam(
      `${what}. \`forge lint ${specPath} --variant ${variant}\` shows each mistake that went unnoticed; add sizes, regimes or values that make them matter, or say --accept-weak-exam`,
    );
  say(`warning: ${what}`);
  return report;
}
