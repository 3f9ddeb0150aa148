import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { GatedFolder, GateReport } from "../../specs/contracts/gate.js";
import { replaceFile } from "../../verifiers/replace-file.js";
import { jsonText } from "../report/escape-text.js";

/**
 * Keeps what the gate found, for the dashboard. What earlier gates said of folders that this one did not judge stays, so that a red one
 * does not turn grey because something else was judged; folders that are gone are forgotten.
 */
export function keepReport(runsDirectory: string, report: GateReport): string {
  const path = join(runsDirectory, "gate", "last.json");
  const judged = new Set(report.folders.map(({ folder }) => folder));
  const earlier = earlierFolders(path).filter(({ folder }) => !judged.has(folder) && existsSync(folder));
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, `${jsonText({ ...report, folders: [...report.folders, ...earlier] })}\n`);
  return path;
}

function earlierFolders(path: string): GatedFolder[] {
  if (!existsSync(path)) return [];
  try {
    const parsed = JSON.parse(readFileSync(path, "utf8")) as Partial<GateReport>;
    return parsed.format === "forge-gate/1" && Array.isArray(parsed.folders) ? parsed.folders : [];
  } catch {
    // It can be made again at any time.
    return [];
  }
}
