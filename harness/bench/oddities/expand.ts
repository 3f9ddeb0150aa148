import { join } from "node:path";
import type { Sizes } from "../../../specs/contracts/spec.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { cacheDirectory } from "../../cache-directory.js";
import { readCandidateFolder } from "../../candidate-folder.js";
import { ExamRoom } from "../../exam-room.js";
import { packageRoot } from "../../package-root.js";
import { createSandbox } from "../../sandbox/create-sandbox.js";
import { createTarget, hostTargetName } from "../../targets.js";
import type { OddityCase } from "./judge-oddity.js";
import type { Oddity } from "./oddity-file.js";
import { withSmallSizes } from "./small-sizes.js";

const loadSmall = (spec: string, target: string, timed: Sizes | undefined) =>
  withSmallSizes(loadSpec(join(packageRoot(), "specs", "kernels", `${spec}.yaml`)), target, timed);

/** Every variant and target of an oddity. */
export function expandOddity(oddity: Oddity): OddityCase[] {
  const { name, spec, threads, timed, requires = [], candidateFolder } = oddity;
  const candidate = readCandidateFolder(candidateFolder);
  return oddity.variants.flatMap((variant) =>
    oddity.targets.map((target) => {
      const sizes = loadSmall(spec, target, timed).spec.cases.timed[0]!;
      return { name, spec, variant, target, threads, sizes, requires, candidate };
    }),
  );
}

/** Those that this machine can run, and a line for each of the others. */
export async function selectRunnable(cases: OddityCase[]): Promise<{ runnable: OddityCase[]; skipped: string[] }> {
  const host = createTarget(hostTargetName, { sandbox: createSandbox({ unsafe: false }), cacheDirectory: cacheDirectory() });
  const probe = await host.probe();
  const isa = probe.status === "available" ? probe.machine.isa : [];
  const missingOf = ({ requires }: OddityCase) => requires.filter((name) => !isa.includes(name));
  return {
    runnable: cases.filter((oddity) => missingOf(oddity).length === 0),
    skipped: cases.filter((oddity) => missingOf(oddity).length > 0).map((oddity) => `${oddity.name} needs ${missingOf(oddity).join(", ")}`),
  };
}

/** Rooms for oddities, one for all that are judged by the same exam, opened when first asked for. */
export class OddityRooms {
  private readonly rooms = new Map<string, Promise<ExamRoom>>();

  constructor(private readonly signal: AbortSignal) {}

  roomOf({ spec, variant, target, threads, sizes }: OddityCase): Promise<ExamRoom> {
    const key = JSON.stringify([spec, variant, target, threads, sizes]);
    const open = () =>
      ExamRoom.open({ loaded: loadSmall(spec, target, sizes), variant, target, threads, unsafe: false, signal: this.signal });
    const room = this.rooms.get(key) ?? open();
    this.rooms.set(key, room);
    return room;
  }

  async close(): Promise<void> {
    for (const room of this.rooms.values()) await (await room.catch(() => null))?.close();
  }
}
