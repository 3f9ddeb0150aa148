import { styleText } from "node:util";
import type { GatedFolder, GateReport, GateStatus, SpeedFinding } from "../../specs/contracts/gate.js";
import { durationText } from "../progress/duration-text.js";
import { escapeText } from "../report/escape-text.js";
import { textTable } from "../report/text-table.js";
import { findingText } from "./speed-text.js";

const evidenceShown = 10;
const statusOrder: GateStatus[] = ["failed", "errored", "skipped", "held"];
const colours = { held: "green", failed: "red", errored: "yellow", skipped: "dim" } as const;

/** The report for a terminal or a log; `colour` for the first only. */
export function gateText(report: GateReport, notes: string[], colour: boolean): string {
  const paint = (status: GateStatus, text: string) => (colour ? styleText(colours[status], text, { validateStream: false }) : text);
  const parts: string[] = [];
  if (report.folders.length > 0) {
    const rows = report.folders.map((folder) => [
      folder.status,
      escapeText(folder.folder),
      speedCell(folder),
      durationText(folder.durationMs),
    ]);
    const lines = textTable([["", "folder", "speed", "took"], ...rows], new Set([3])).split("\n");
    parts.push(lines.map((line, index) => paintStart(line, report.folders[index - 1]?.status ?? null, paint)).join("\n"));
  }
  const troubled = report.folders.filter(({ status, remarks, speed }) => status !== "held" || remarks.length > 0 || speed.some(isUnclear));
  for (const folder of troubled) parts.push(folderText(folder));
  parts.push([...notes.map(escapeText), verdictLine(report)].join("\n"));
  return parts.join("\n\n");
}

/** `2 held, 1 failed, in 1 min 12 s`: what stands at the end of every gate. */
export function verdictLine(report: GateReport): string {
  const counts = statusOrder.flatMap((status) => (report.counts[status] > 0 ? [`${report.counts[status]} ${status}`] : []));
  const found = counts.length === 0 ? "nothing to judge" : counts.join(", ");
  return `Gate ${report.outcome}: ${found}, in ${durationText(report.durationMs)}.`;
}

/** How a folder stands to what it is held to, at its worst entry. */
export function speedCell({ speed }: GatedFolder): string {
  const worst = (rule: SpeedFinding["rule"], unit: string) => {
    const found = speed.filter((finding) => finding.rule === rule);
    return found.length === 0 ? [] : [`${Math.min(...found.map(({ ratio }) => ratio)).toFixed(2)}x ${unit}`];
  };
  const words = [...worst("still-surpasses", "baseline"), ...worst("as-certified", "certified"), ...worst("as-at-base", "base")];
  return words.length === 0 ? "-" : words.join(", ");
}

/** All that a folder has to tell besides its row, one thing a line, escaped. */
export function folderLines(folder: GatedFolder): string[] {
  const failed = folder.checks.filter(({ status }) => status !== "passed");
  return [
    ...failed.flatMap(({ check, evidence }) => [
      ...evidence.slice(0, evidenceShown).map((line) => `${check}: ${line}`),
      ...(evidence.length > evidenceShown ? [`${check}: and ${evidence.length - evidenceShown} more (--json has all)`] : []),
    ]),
    ...folder.speed.filter((finding) => finding.outcome === "fell" || isUnclear(finding)).map(findingText),
    ...folder.remarks,
    ...(folder.renew === null ? [] : [`a new certificate: ${folder.renew}`]),
  ].map(escapeText);
}

function folderText(folder: GatedFolder): string {
  return [
    `${escapeText(folder.folder)}: ${folder.status}: ${escapeText(folder.summary)}`,
    ...folderLines(folder).map((line) => `  ${line}`),
  ].join("\n");
}

const isUnclear = ({ outcome }: SpeedFinding): boolean => outcome === "unclear";

function paintStart(line: string, status: GateStatus | null, paint: (status: GateStatus, text: string) => string): string {
  return status === null ? line : `${paint(status, status)}${line.slice(status.length)}`;
}
