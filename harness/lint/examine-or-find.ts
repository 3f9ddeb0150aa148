import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { cacheReport, findReport } from "./exam-archive.js";
import type { ExamReport } from "./exam-report.js";
import { lintSpec } from "./lint-spec.js";

export interface ExamineOptions {
  loaded: LoadedSpec;
  variant: string;
  unsafe: boolean;
  /** Examine although there is a report. */
  again: boolean;
  say: (text: string) => void;
  signal: AbortSignal;
}

const everySoMany = 50;

/** The report on an exam: the one that is kept, or a new one, which is kept then. */
export async function examineOrFind({ loaded, variant, unsafe, again, say, signal }: ExamineOptions): Promise<ExamReport> {
  const known = again ? null : findReport(loaded, variant);
  if (known) return known;
  const report = await lintSpec({
    loaded,
    variant,
    unsafe,
    onProgress: (done, total) => {
      if (done === 1)
        say(`examining the exam ${loaded.spec.name} ${variant}, once: ${total} mistakes are planted in its reference, one at a time`);
      else if (done % everySoMany === 0 || done === total) say(`  ${done} of ${total} examined`);
    },
    signal,
  });
  cacheReport(report);
  return report;
}
