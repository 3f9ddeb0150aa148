import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { CallCrash } from "./instruments.js";
import { eventsIn } from "./invariants.js";
import type { PlannedKill } from "./ordeal.js";
import { type Phase, pathsOf } from "./phases.js";
import { goalWords, type Project } from "./project.js";
import { type Bench, runSession } from "./session.js";

interface Counted {
  phase: Phase;
  scene: string;
  paths: string;
  how: CallCrash["how"];
}

/** Every call of a goal that changes the files of a phase, each as a moment to be killed: before it, and half-way where it writes. */
export async function enumerateKills(bench: Bench, project: Project, phase: Phase, scene: string): Promise<PlannedKill[]> {
  const paths = pathsOf[phase];
  if (paths === undefined) throw new Error(`${phase} has no calls to count`);
  const before = await enumerateCalls(bench, project, { phase, scene, paths, how: "before" });
  return before.flatMap((kill) => (kill.name.includes(", write ") ? [kill, halfWay(kill)] : [kill]));
}

/** Lets the goal run once without harm, to see which calls it makes. */
export async function enumerateCalls(bench: Bench, project: Project, counted: Counted): Promise<PlannedKill[]> {
  const { phase, scene, paths, how } = counted;
  const tracePath = join(bench.folder, "trace");
  rmSync(tracePath, { force: true });
  const words = goalWords("resubmit", eventsIn(project).length > 0);
  const session = await runSession(bench, project, words, { kind: "call", paths, at: 0, how }, tracePath);
  if (session.end.kind !== "code" || session.end.value > 1 || !existsSync(tracePath))
    throw new Error(
      `${scene}: the goal whose calls were to be counted ended with ${session.end.kind} ${session.end.value}: ${session.errors}`,
    );
  const calls = readFileSync(tracePath, "utf8").split("\n").slice(0, -1);
  return calls.map((line) => {
    const [at, call, path] = line.split(" ") as [string, string, string];
    return {
      phase,
      name: `${phase}, ${scene}: at call ${at} of ${calls.length}, ${call} ${stable(basename(path))}`,
      crash: { kind: "call", paths, at: Number(at), how },
    };
  });
}

/** Without what is drawn anew each time, so that a bench that goes on knows what it has done. */
function stable(name: string): string {
  return name.replace(/^[0-9a-f]{2}$|[0-9a-f]{8,}|(?<=^tmp_obj_)\w+|^t\w{6}$/g, "*");
}

function halfWay(kill: PlannedKill): PlannedKill {
  if (kill.crash.kind !== "call") return kill;
  return { ...kill, name: kill.name.replace(": at call", ": half-way through call"), crash: { ...kill.crash, how: "half" } };
}

/** So many of them, spread evenly. */
export function spread<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, index) => items[Math.floor(((index + 0.5) * items.length) / count)]!);
}
