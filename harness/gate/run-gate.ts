import type { GatedFolder, GateOutcome, GateReport, GateStatus } from "../../specs/contracts/gate.js";
import { forgeVersion } from "../forge-version.js";
import { type FolderOptions, gateFolder } from "./gate-folder.js";
import { type Selected, type SelectionOptions, selectFolders } from "./select-folders.js";

export interface GateOptions extends SelectionOptions, Omit<FolderOptions, "before" | "generated"> {
  /** A folder whose target, or an extension that it was certified with, is not here fails the gate. */
  requireAllTargets: boolean;
  /** What was selected, before anything is judged. */
  onSelected: (selected: Selected) => void;
}

export interface GateResult {
  report: GateReport;
  /** Worth telling, and no folder's. */
  notes: string[];
}

/** Selects, judges one folder after the other, counts. Interrupted, it reports what it has. */
export async function runGate(options: GateOptions): Promise<GateResult> {
  const startedAt = new Date();
  const started = performance.now();
  const selected = selectFolders(options);
  options.onSelected(selected);
  const folders: GatedFolder[] = [];
  let isInterrupted = false;
  for (const accepted of selected.folders) {
    options.say(`${accepted.folder}: judging (${accepted.selectedBy})`);
    try {
      folders.push(await gateFolder(accepted, { ...options, before: selected.before }));
    } catch (error) {
      if (!options.signal.aborted) throw error;
      isInterrupted = true;
      break;
    }
    const { folder, status, summary } = folders.at(-1)!;
    options.say(`${folder}: ${status}: ${summary}`);
  }
  const counts = countStatuses(folders);
  const report: GateReport = {
    format: "forge-gate/1",
    outcome: isInterrupted ? "interrupted" : outcomeOf(counts, options.requireAllTargets),
    selection: selected.selection,
    startedAt: startedAt.toISOString(),
    durationMs: performance.now() - started,
    forgeVersion: forgeVersion(),
    counts,
    folders,
  };
  return { report, notes: notesOf(selected, report) };
}

function countStatuses(folders: GatedFolder[]): Record<GateStatus, number> {
  const counts: Record<GateStatus, number> = { held: 0, failed: 0, errored: 0, skipped: 0 };
  for (const { status } of folders) counts[status]++;
  return counts;
}

/** What is proven to have failed comes before what could not be judged, and neither is green. */
function outcomeOf(counts: Record<GateStatus, number>, requireAllTargets: boolean): GateOutcome {
  if (counts.failed > 0 || (requireAllTargets && counts.skipped > 0)) return "failed";
  if (counts.errored > 0) return "errored";
  return counts.held > 0 ? "held" : "nothing-judged";
}

function notesOf({ selection, folders, among, notes }: Selected, report: GateReport): string[] {
  const since = selection.kind === "changed" ? ` since ${selection.base.slice(0, 10)} (${selection.baseName})` : "";
  const nothing =
    folders.length > 0
      ? []
      : [
          `Nothing changed${since}: none of ${among} accepted folder(s), their specs and references; none is stale. \`--all\` judges them all.`,
        ];
  const skipped =
    report.outcome === "nothing-judged" && folders.length > 0 ? ["Nothing was judged: what the selected folders need is not at hand."] : [];
  return [...nothing, ...skipped, ...notes];
}
