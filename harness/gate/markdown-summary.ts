import type { GatedFolder, GateReport, GateStatus } from "../../specs/contracts/gate.js";
import { durationText } from "../progress/duration-text.js";
import { escapeText } from "../report/escape-text.js";
import { folderLines, speedCell, verdictLine } from "./gate-text.js";

const marks: Record<GateStatus, string> = { held: "✅", failed: "❌", errored: "⚠️", skipped: "⏭️" };

/** The report for a pull request's page, as GitHub's and GitLab's Markdown. */
export function markdownSummary(report: GateReport, notes: string[]): string {
  const rows = report.folders.map(
    (folder) =>
      `| ${marks[folder.status]} ${folder.status} | ${plain(folder.folder)} | ${plain(speedCell(folder))} | ${plain(folder.summary)} | ${durationText(folder.durationMs)} |`,
  );
  const table = rows.length === 0 ? [] : ["| | folder | speed | | took |", "|---|---|---|---|---|", ...rows, ""];
  const details = report.folders.filter((folder) => folderLines(folder).length > 0).flatMap(detailLines);
  return ["## Forge gate", "", plain(verdictLine(report)), "", ...notes.flatMap((note) => [plain(note), ""]), ...table, ...details].join(
    "\n",
  );
}

function detailLines(folder: GatedFolder): string[] {
  return [
    `<details><summary>${plain(folder.folder)}</summary>`,
    "",
    ...folderLines(folder).map((line) => `- ${plain(line)}`),
    "",
    "</details>",
    "",
  ];
}

/** Text that is nothing but text: every sign that Markdown or HTML could act on becomes a character reference. */
function plain(value: string): string {
  return escapeText(value).replace(/[\\`*_{}[\]()<>#+!|~&@:$"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
