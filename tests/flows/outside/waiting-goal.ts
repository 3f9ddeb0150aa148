import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { mainPath, runForge } from "../../harness/cli/run-forge.js";
import { type Ended, untilEnd } from "../../harness/store/child.js";
import { type MindSources, rmsnormSources } from "../agents/mind-sources.js";
import { logOf, specPath } from "../agents/model-goal.js";

/** A goal that waits for people in a folder. */
export interface WaitingGoal {
  child: ChildProcess;
  run: string;
  /** Where they work. */
  desk: string;
  /** Resolves with the first event, seen or to come, that fits. */
  event(fits: (event: ForgeEvent) => boolean): Promise<ForgeEvent>;
  ended: Promise<Ended>;
  log(): ForgeEvent[];
}

export async function startWaitingGoal(folder: string, words: string[] = [], sources: MindSources = rmsnormSources): Promise<WaitingGoal> {
  const commandLine = ["goal", specPath(sources), "--threads", "1", "--agent", "manual", "--no-playbook", "--json", ...words];
  const child = spawn(process.execPath, [mainPath, ...commandLine], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const seen: ForgeEvent[] = [];
  let looks: (() => void)[] = [];
  const ended = untilEnd(child, (line) => {
    seen.push(JSON.parse(line) as ForgeEvent);
    for (const look of looks) look();
  });
  const event = async (fits: (event: ForgeEvent) => boolean): Promise<ForgeEvent> => {
    const gone = ended.then(({ code, errors }) => Promise.reject(new Error(`the goal ended with ${code}: ${errors}`)));
    gone.catch(() => {});
    const coming = new Promise<ForgeEvent>((resolve) => {
      const look = () => {
        const found = seen.find(fits);
        if (found) resolve(found);
      };
      looks = [...looks, look];
      look();
    });
    return Promise.race([coming, gone]);
  };
  const { run } = await event(({ type }) => type === "agent-noted");
  return { child, run, desk: join(folder, "runs", run, "desk"), event, ended, log: () => logOf(join(folder, "runs", run), run) };
}

export interface Said {
  code: number | null;
  said: string;
}

/** A command of Forge in a folder, as a person would type it there. */
export function type(folder: string, ...words: string[]): Said {
  const { code, stdout, stderr } = runForge(words, folder);
  return { code, said: stdout + stderr };
}
