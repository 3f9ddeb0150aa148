import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { cacheDirectory } from "../cache-directory.js";
import { packageRoot } from "../package-root.js";
import { examHash } from "./exam-hash.js";
import type { ExamReport } from "./exam-report.js";

/** Reports on the exams that Forge brings along; written by `npm run lint:specs`. */
export const shippedReports = (): string => join(packageRoot(), "specs", "exams");

const shippedPath = (spec: string, variant: string) => join(shippedReports(), `${spec}-${variant}.json`);
const cachedPath = (hash: string) => join(cacheDirectory(), "exams", `${hash}.json`);

/** The report on exactly this exam, where it has been examined before; a stale one is none. */
export function findReport(loaded: LoadedSpec, variant: string): ExamReport | null {
  const hash = examHash(loaded, variant);
  for (const path of [shippedPath(loaded.spec.name, variant), cachedPath(hash)]) {
    const report = readReport(path);
    if (report?.hash === hash) return report;
  }
  return null;
}

/** What cannot be read was cut short, and is written anew. */
function readReport(path: string): ExamReport | null {
  if (!existsSync(path)) return null;
  try {
    const report = JSON.parse(readFileSync(path, "utf8")) as Partial<ExamReport>;
    return report.format === "forge-exam-report/1" ? (report as ExamReport) : null;
  } catch {
    return null;
  }
}

export const cacheReport = (report: ExamReport): void => writeReport(cachedPath(report.hash), report);

export const shipReport = (report: ExamReport): void => writeReport(shippedPath(report.spec, report.variant), report);

function writeReport(path: string, report: ExamReport): void {
  mkdirSync(dirname(path), { recursive: true });
  // Whole or not at all, whoever reads meanwhile.
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(report, null, 1)}\n`);
  renameSync(partial, path);
}
