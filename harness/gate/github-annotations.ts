import type { GatedFolder, GateReport } from "../../specs/contracts/gate.js";
import { escapeText } from "../report/escape-text.js";
import { folderLines } from "./gate-text.js";

/** GitHub Actions' workflow commands, one a line: an error for what failed or errored, a warning for what was skipped or is stale. */
export function githubAnnotations(report: GateReport): string[] {
  return report.folders.flatMap((folder) => {
    const level =
      folder.status === "failed" || folder.status === "errored"
        ? "error"
        : folder.status === "skipped" || isStale(folder)
          ? "warning"
          : null;
    if (level === null) return [];
    const message = [folder.summary, ...folderLines(folder)].map(escapeText).join("\n");
    const title = `forge gate: ${folder.spec} ${folder.variant} on ${folder.target} ${folder.status === "held" ? "has a stale certificate" : folder.status}`;
    return [`::${level} file=${property(folder.file)},title=${property(title)}::${data(message)}`];
  });
}

const isStale = ({ certificate }: GatedFolder): boolean => certificate.state === "stale";

/** A line of a log that the runner reads for commands: `##[` begins one of the old kind anywhere in it. */
export const withoutCommands = (line: string): string => line.replaceAll("##[", "# #[").replace(/^(\s*)::/gm, "$1: :");

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll("##[", "# #[");
}

function property(text: string): string {
  return data(escapeText(text)).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
