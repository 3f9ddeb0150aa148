import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildInstruments } from "./instruments.js";
import { Ordeal } from "./ordeal.js";
import type { KillResult } from "./phases.js";
import { type Extent, type PlannedOrdeal, planOrdeals } from "./plan.js";
import { copyProject, renewCandidate } from "./project.js";
import { makeScenes, type Scenes } from "./scenes.js";
import type { Bench } from "./session.js";
import { isSound } from "./table.js";

export interface SurviveOptions {
  /** The program under test, as a command line. */
  program: string[];
  extent: Extent;
  /** Names of kills that need not be done again. */
  done: ReadonlySet<string>;
  onResults: (results: KillResult[]) => void;
  /** Looked at between goals. */
  mayGoOn: () => boolean;
}

/** Kills goals, resumes them and looks at what is left, in a folder of its own; what went wrong is kept there to be looked at. */
export async function survive({ program, extent, done, onResults, mayGoOn }: SurviveOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "forge-crashes-"));
  let sound = false;
  try {
    // Sandboxes have users of their own, who must be able to reach what is mounted.
    chmodSync(folder, 0o755);
    const bench: Bench = { folder, program, instruments: await buildInstruments(folder) };
    const scenes = await makeScenes(bench);
    const ordeals = await planOrdeals(bench, scenes, extent);
    sound = scenes.results.every(isSound);
    onResults(scenes.results);
    for (const [index, planned] of ordeals.entries()) {
      if (!mayGoOn()) break;
      if (planned.kills.every(({ name }) => done.has(name))) continue;
      const results = await undergo(bench, scenes, planned, join(folder, `ordeal-${index}`));
      sound &&= results.every(isSound);
      onResults(results);
    }
  } finally {
    if (sound) rmSync(folder, { recursive: true, force: true });
  }
}

async function undergo(bench: Bench, scenes: Scenes, planned: PlannedOrdeal, directory: string): Promise<KillResult[]> {
  const project = copyProject(scenes.project[planned.scene], directory);
  if (planned.isNew) renewCandidate(project);
  const ordeal = new Ordeal(bench, project, planned.agent);
  for (const kill of planned.kills) await ordeal.kill(kill);
  const results = await ordeal.finish();
  if (results.every(isSound)) rmSync(directory, { recursive: true, force: true });
  else for (const result of results.filter((one) => !isSound(one))) result.problems.push(`see ${directory}`);
  return results;
}
