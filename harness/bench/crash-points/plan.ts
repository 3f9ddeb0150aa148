import { join } from "node:path";
import type { CheckName } from "../../../specs/contracts/verdict.js";
import { enumerateCalls, enumerateKills, spread } from "./enumerate.js";
import { disks } from "./full-disk.js";
import type { PlannedKill } from "./ordeal.js";
import type { Phase } from "./phases.js";
import { copyProject, type Kernel } from "./project.js";
import { duringCheck, type Scene, type Scenes } from "./scenes.js";
import type { Bench } from "./session.js";

/** Kills of one goal, one after the other; each is resumed by the next, the last to its end. */
export interface PlannedOrdeal {
  name: string;
  scene: Scene;
  agent: "resubmit" | "autotune";
  /** With a candidate that no cache knows, so that there is something to build. */
  isNew: boolean;
  kills: PlannedKill[];
}

/** How much of everything: all calls that are counted, or a few of them. */
export interface Extent {
  /** Of each scene's calls at most so many; Infinity: all. */
  logWrites: number;
  indexWrites: number;
  acceptance: number;
  submission: number;
  fullDisk: number;
  /** Goals, and kills in each. */
  build: [number, number];
  align: [number, number];
  speed: [number, number];
  search: [number, number];
  /** Also the log and index writes, and the first acceptance, of a run that is resumed at its end. */
  everyScene: boolean;
}

export const full: Extent = {
  logWrites: Number.POSITIVE_INFINITY,
  indexWrites: Number.POSITIVE_INFINITY,
  acceptance: Number.POSITIVE_INFINITY,
  submission: 24,
  fullDisk: 12,
  build: [12, 2],
  align: [4, 5],
  speed: [4, 5],
  search: [2, 4],
  everyScene: true,
};

/** Twenty kills, with the three that the scenes take, and a full disk of each kind. */
export const sample: Extent = {
  logWrites: 4,
  indexWrites: 3,
  acceptance: 4,
  submission: 1,
  fullDisk: 1,
  build: [3, 1],
  align: [1, 2],
  speed: [0, 0],
  search: [0, 0],
  everyScene: false,
};

export async function planOrdeals(bench: Bench, scenes: Scenes, extent: Extent): Promise<PlannedOrdeal[]> {
  let counted = 0;
  const fresh = (scene: Scene) => copyProject(scenes.project[scene], join(bench.folder, `counted-${counted++}`));
  const apart = (scene: Scene, kills: PlannedKill[]) =>
    kills.map((kill): PlannedOrdeal => ({ name: kill.name, scene, agent: "resubmit", isNew: false, kills: [kill] }));
  const calls = async (phase: Phase, scene: Scene, most: number) =>
    apart(scene, spread(await enumerateKills(bench, fresh(scene), phase, scene), most));
  const disk = async (name: keyof typeof disks, scene: Scene) =>
    apart(
      scene,
      spread(
        await enumerateCalls(bench, fresh(scene), { phase: "full disk", scene: `${name}, ${scene}`, paths: disks[name], how: "full" }),
        extent.fullDisk,
      ),
    );
  const ordeals = [
    ...chains("speed", "speed", "right", extent.speed, scenes),
    ...chains("align", "align", "wandering", extent.align, scenes),
    ...chains("build", "rules", "refused", extent.build, scenes),
    ...(await calls("acceptance", "replaced", extent.acceptance)),
    ...(await disk("the log", "refused")),
    ...(await disk("the index", "refused")),
    ...(await disk("the workspace", "refused")),
    ...(await disk("the output folder", "replaced")),
    ...(await calls("log write", "refused", extent.logWrites)),
    ...(await calls("submission", "refused", extent.submission)),
    ...searches(extent.search),
    ...(await calls("index write", "refused", extent.indexWrites)),
  ];
  // A run that is resumed at its end writes the same files in another state.
  if (extent.everyScene)
    ordeals.push(
      ...(await calls("acceptance", "judged", extent.acceptance)),
      ...(await calls("log write", "replaced", extent.logWrites)),
      ...(await calls("index write", "replaced", extent.submission)),
    );
  return ordeals;
}

/** Of a check's duration: it is a little shorter the next time, and the kill is a little late. */
const latest = 0.7;

/** Random moments within a check. */
function chains(phase: Phase, check: CheckName, scene: Kernel, [goals, kills]: [number, number], { durationsMs }: Scenes): PlannedOrdeal[] {
  return Array.from({ length: goals }, (_, goal) => ({
    name: `${phase}, goal ${goal + 1}`,
    scene,
    agent: "resubmit",
    isNew: phase === "build",
    kills: Array.from({ length: kills }, (_, kill) => ({
      phase,
      name: `${phase}, goal ${goal + 1}: kill ${kill + 1}`,
      crash: duringCheck(check, latest * durationsMs[scene]),
    })),
  }));
}

/** Random moments of autotune's search. */
function searches([goals, kills]: [number, number]): PlannedOrdeal[] {
  return Array.from({ length: goals }, (_, goal) => ({
    name: `search, goal ${goal + 1}`,
    scene: "right",
    agent: "autotune",
    isNew: false,
    kills: Array.from({ length: kills }, (_, kill) => {
      let trials = Math.floor(Math.random() * 8);
      return {
        phase: "search",
        name: `search, goal ${goal + 1}: kill ${kill + 1}`,
        crash: { kind: "moment", fits: (event) => event.type === "trial-finished" && trials-- === 0, afterMs: Math.random() * 300 },
      };
    }),
  }));
}
