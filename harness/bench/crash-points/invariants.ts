import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { verifyCertificate } from "../../certificate.js";
import { openIndexDatabase } from "../../store/index-database.js";
import { logName, openRunIndex, runsOnDisk } from "../../store/run-index.js";
import { readRunLog } from "../../store/run-log.js";
import { type Project, specName } from "./project.js";

/** Lines that were told and that the logs do not hold word for word. */
export function lostLines(project: Project, told: readonly string[]): string[] {
  const logs = new Map<string, string[]>();
  return told.filter((line) => {
    const { run, sequence } = JSON.parse(line) as ForgeEvent;
    const kept = logs.get(run) ?? linesOf(join(project.runs, run, logName));
    logs.set(run, kept);
    return kept[sequence] !== line;
  });
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
}

/** The events of the one run that started; runs that were killed before their first event hold none. */
export function eventsIn(project: Project): ForgeEvent[] {
  const started = startedRuns(project);
  if (started.length > 1) throw new Error(`${project.runs} holds ${started.length} runs: a resumed run was begun anew`);
  return started[0] ?? [];
}

function startedRuns(project: Project): ForgeEvent[][] {
  if (!existsSync(project.runs)) return [];
  const all = runsOnDisk(project.runs).map((run) => readRunLog(join(project.runs, run, logName), run).events);
  return all.filter((events) => events.length > 0);
}

/** Attempts that were not submitted and judged exactly once under consecutive numbers, or accepted more than once. */
export function miscounted(events: readonly ForgeEvent[]): string[] {
  const attempts = (type: ForgeEvent["type"]) =>
    events.flatMap((event) => (event.type === type && "attempt" in event ? [event.attempt] : []));
  const submitted = attempts("attempt-submitted");
  const judged = attempts("attempt-judged");
  const accepted = attempts("framework-accepted");
  const problems: string[] = [];
  if (
    !isDeepStrictEqual(
      submitted,
      submitted.map((_, index) => index + 1),
    )
  )
    problems.push(`attempts are numbered ${submitted.join(", ")}`);
  if (!isDeepStrictEqual(judged, submitted)) problems.push(`submitted were ${submitted.join(", ")}, judged ${judged.join(", ")}`);
  if (accepted.length > new Set(accepted).size) problems.push(`accepted were ${accepted.join(", ")}`);
  const last = events.at(-1);
  if (last?.type !== "run-finished") problems.push(`the last event is ${last?.type ?? "none"}`);
  else if (last.attempts !== judged.length) problems.push(`run-finished counts ${last.attempts} attempts of ${judged.length}`);
  return problems;
}

/** True where the index as it lies on the disk is the one that would be made of the logs. */
export function indexIsEqual(project: Project): boolean {
  const folder = mkdtempSync(join(project.directory, "rebuilt-"));
  try {
    for (const run of runsOnDisk(project.runs)) {
      mkdirSync(join(folder, run));
      cpSync(join(project.runs, run, logName), join(folder, run, logName));
    }
    const rebuilt = openRunIndex(folder).runs();
    const index = openIndexDatabase(join(project.runs, "index.sqlite"));
    try {
      return isDeepStrictEqual(index.all(), rebuilt);
    } finally {
      index.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export type FolderState = "absent" | "old" | "new" | "broken";

/** The certificate that stands in the accepted folder; null where there is none. */
export function certificateIn(project: Project): string | null {
  const path = join(project.accepted, "certificate.json");
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

/** What stands where accepted kernels go; `old` is the certificate that stood there before the kill. */
export function folderState(project: Project, old: string | null): FolderState {
  if (!existsSync(project.accepted)) return "absent";
  const state = verifyCertificate(project.accepted, loadSpec(join(project.directory, specName)));
  if (state.status !== "valid" && state.status !== "stale") return "broken";
  return certificateIn(project) === old ? "old" : "new";
}

/** What is still there although the last program has ended in peace. `pids`: of all programs that ran in the project. */
export function leftovers(project: Project, pids: readonly number[]): string[] {
  const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);
  const ours = (path: string) => pids.some((pid) => path.includes(`-${pid}-`));
  const halfAccepted = namesIn(dirname(project.accepted)).filter((path) => path !== project.accepted);
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(project.directory));
  return [...namesIn(project.temporary), ...namesIn("/dev/shm").filter(ours), ...halfAccepted, ...mounts];
}
