import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { GoalDescription, RunEnd } from "../../specs/contracts/event.js";
import { type OpenRun, type RunStore, StoreError } from "../../specs/contracts/store.js";
import { openWorkspace } from "../workspace.js";
import { diskFull, gitDiskFull } from "./disk-full.js";
import { goalKeyOf } from "./index-database.js";
import { logName, openRunIndex, type RunIndex } from "./run-index.js";
import { lockRun, type RunLock } from "./run-lock.js";
import { createRunLog, openRunLog, type RunLog, readRunLog } from "./run-log.js";
import type { RunLine } from "./summarize-run.js";

/** A run that ended so has said all there is to say, unless it is named; any other is what --resume means, with a larger budget if that was spent. */
const finalEnds: ReadonlySet<RunEnd | null> = new Set<RunEnd>(["surpassed", "passed", "nothing-passed"]);

interface ListingRunStore extends RunStore {
  list(): RunLine[];
}

/** The runs in a folder, each in one of its own: `log.jsonl` (the truth), `workspace/` (git), `lock`; `index.sqlite` over all. */
export function openRunStore(directory: string): ListingRunStore {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw diskFull(error, directory, null) ?? error;
  }
  const index = openRunIndex(directory);
  const newestFirst = () => index.runs().sort((a, b) => (a.summary.startedAt < b.summary.startedAt ? 1 : -1));
  return {
    async create(goal) {
      const run = newRunId(goal, new Date());
      const folder = join(directory, run);
      try {
        mkdirSync(folder);
        const lock = lockRun(folder, run);
        return await releasingOnFailure(lock, () => openRun(index, folder, run, lock, createRunLog(join(folder, logName), run)));
      } catch (error) {
        throw diskFull(error, folder, null) ?? error;
      }
    },
    async open(run) {
      const folder = existingFolder(directory, run);
      const lock = lockRun(folder, run);
      try {
        return await releasingOnFailure(lock, async () => {
          const { log, truncatedBytes } = openRunLog(join(folder, logName), run);
          index.record(log.events());
          return { run: await openRun(index, folder, run, lock, log), truncatedBytes };
        });
      } catch (error) {
        throw diskFull(error, folder, run) ?? error;
      }
    },
    list: () => newestFirst().map(({ summary }) => summary),
    eventsOf: (run) => readRunLog(join(existingFolder(directory, run), logName), run).events,
    newestUnfinished(goal) {
      const key = goalKeyOf(goal);
      return newestFirst().find(({ goalKey, summary }) => goalKey === key && !finalEnds.has(summary.end))?.summary.run ?? null;
    },
    rebuildIndex: () => index.rebuild(),
  };
}

async function openRun(index: RunIndex, directory: string, id: string, lock: RunLock, log: RunLog): Promise<OpenRun> {
  const workspaceDirectory = join(directory, "workspace");
  const workspace = await openWorkspace(workspaceDirectory).catch((error: unknown) => {
    throw gitDiskFull(error, workspaceDirectory, log.events().length === 0 ? null : id) ?? error;
  });
  return {
    id,
    directory,
    append(body) {
      const event = log.append(body);
      index.record(log.events());
      return event;
    },
    events: () => log.events(),
    async commit(candidate, summary) {
      try {
        await workspace.write(candidate);
        return await workspace.commit(summary);
      } catch (error) {
        throw gitDiskFull(error, workspace.directory, id) ?? error;
      }
    },
    read: (commit) => workspace.readCommit(commit),
    close() {
      log.close();
      lock.release();
    },
  };
}

async function releasingOnFailure<Result>(lock: RunLock, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** `<spec>-<variant>-<target>-<yyyymmdd-hhmmss>-<4 hex>`, the time in UTC. */
function newRunId(goal: GoalDescription, now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${goal.spec}-${goal.variant}-${goal.target}-${stamp}-${randomBytes(2).toString("hex")}`;
}

function existingFolder(directory: string, run: string): string {
  const folder = join(directory, run);
  if (!/^[a-z0-9][A-Za-z0-9_.-]*$/.test(run) || !existsSync(join(folder, logName))) {
    throw new StoreError(`there is no run ${JSON.stringify(run)} in ${directory}; \`forge runs\` lists what is there`);
  }
  return folder;
}
