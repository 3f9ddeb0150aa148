import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CheckName } from "../../../specs/contracts/verdict.js";
import { eventsIn } from "./invariants.js";
import { Ordeal } from "./ordeal.js";
import { type KillResult, pathsOf } from "./phases.js";
import { copyProject, type Kernel, makeProject, type Project } from "./project.js";
import type { Bench, MomentCrash } from "./session.js";

/** Where ordeals begin. `judged`: a right attempt was judged, its acceptance was killed. `replaced`: as it, with an accepted folder to be replaced. */
export type Scene = Kernel | "judged" | "replaced";

export interface Scenes {
  project: Record<Scene, Project>;
  /** How long the check takes here in which a kernel is to be killed. */
  durationsMs: Record<Kernel, number>;
  /** The kills that the making itself took. */
  results: KillResult[];
}

const firstSpeedMs = 1500;

export const duringCheck = (check: CheckName, withinMs: number): MomentCrash => ({
  kind: "moment",
  fits: (event) => event.type === "check-started" && event.check === check,
  afterMs: Math.random() * withinMs,
});

/** Makes the scenes; the expensive one, a verdict that ends in acceptance, is killed on its way twice in speed and once in acceptance. */
export async function makeScenes(bench: Bench): Promise<Scenes> {
  const place = (name: string) => join(bench.folder, `scene-${name}`);
  const kernels = { right: makeProject(place("right"), "right"), wandering: makeProject(place("wandering"), "wandering") };
  const refused = makeProject(place("refused"), "refused");
  for (let round = 0; round < 3; round++) {
    const ordeal = new Ordeal(bench, copyProject(kernels.right, place(`accepted-${round}`)));
    for (const part of ["first", "second"])
      await ordeal.kill({ phase: "speed", name: `speed, the ${part} time`, crash: duringCheck("speed", firstSpeedMs) });
    const { killed } = await ordeal.kill({
      phase: "acceptance",
      name: "acceptance, at its first call",
      crash: { kind: "call", paths: pathsOf.acceptance!, at: 1, how: "before" },
    });
    if (!killed) continue; // a busy machine ended it without a verdict
    const judged = copyProject(ordeal.project, place("judged"));
    const results = await ordeal.finish();
    const replaced = copyProject(judged, place("replaced"));
    rmSync(join(replaced.directory, "generated"), { recursive: true, force: true });
    cpSync(join(ordeal.project.directory, "generated"), join(replaced.directory, "generated"), { recursive: true });
    const durationsMs = {
      right: durationOf("speed", ordeal.project),
      wandering: durationOf("align", await ended(bench, copyProject(kernels.wandering, place("ended-wandering")))),
      refused: durationOf("rules", await ended(bench, copyProject(refused, place("ended-refused")))),
    };
    return { project: { ...kernels, refused, judged, replaced }, durationsMs, results };
  }
  throw new Error("three times no verdict was reached: the machine is too busy, run it again when it is quiet");
}

async function ended(bench: Bench, project: Project): Promise<Project> {
  await new Ordeal(bench, project).finish();
  return project;
}

function durationOf(check: CheckName, project: Project): number {
  const judged = eventsIn(project).findLast((event) => event.type === "attempt-judged");
  const result = judged?.verdict.checks.find((one) => one.check === check);
  if (!result) throw new Error(`the goal in ${project.directory} never came to its check ${check}`);
  return result.durationMs;
}
