import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { freshSeed } from "../../verifiers/numerics/random.js";
import { ExamRoom } from "../exam-room.js";
import { hostTargetName } from "../targets.js";
import { judgeSurvivor } from "./equivalence.js";
import { examHash } from "./exam-hash.js";
import type { ExamReport } from "./exam-report.js";
import { type BuiltMutant, buildMutant, examineMutant } from "./examine-mutant.js";
import type { Mutant, MutantResult } from "./mutant.js";
import { planMutants } from "./plan-mutants.js";

export interface LintOptions {
  loaded: LoadedSpec;
  variant: string;
  unsafe: boolean;
  /** After each mutant: how many have been judged, of how many. */
  onProgress: (done: number, total: number) => void;
  signal: AbortSignal;
}

/** Examines an exam: plants mistakes in the reference, one at a time, and sees which of them the gates notice. */
export async function lintSpec({ loaded, variant, unsafe, onProgress, signal }: LintOptions): Promise<ExamReport> {
  const { semantic, generated } = planMutants(loaded);
  const room = await ExamRoom.open({ loaded, variant, target: hostTargetName, threads: 1, unsafe, signal });
  const seed = freshSeed();
  let done = 0;
  const total = generated.length + (semantic?.length ?? 0);
  const judge = async (mutants: Mutant[]): Promise<MutantResult[]> => {
    const results: MutantResult[] = [];
    // Entry by entry, so that what is expected of its cases is still remembered.
    for (const { name } of room.entries)
      for await (const built of buildAhead(
        room,
        mutants.filter(({ entry }) => entry === name),
      )) {
        signal.throwIfAborted();
        const { mutant } = built;
        const fate = await examineMutant(room, built, seed, signal);
        const { text: _, ...described } = mutant;
        if (fate.state === "survived") results.push({ mutant: described, fate: await judgeSurvivor(room, mutant, seed, signal) });
        else results.push({ mutant: { ...described, diff: [] }, fate });
        onProgress(++done, total);
      }
    return results;
  };
  try {
    return {
      format: "forge-exam-report/1",
      spec: loaded.spec.name,
      variant,
      hash: examHash(loaded, variant),
      seed,
      semantic: semantic && (await judge(semantic)),
      generated: await judge(generated),
    };
  } finally {
    await room.close();
  }
}

/** Compilers run while something else is examined. */
const lookahead = 4;

async function* buildAhead(room: ExamRoom, mutants: Mutant[]): AsyncGenerator<BuiltMutant> {
  const pending: Promise<BuiltMutant>[] = [];
  let next = 0;
  for (let taken = 0; taken < mutants.length; taken++) {
    for (; next < mutants.length && pending.length <= lookahead; next++) {
      const build = buildMutant(room, mutants[next]!);
      // Awaited when its turn comes; an end before that is no unhandled rejection.
      build.catch(() => undefined);
      pending.push(build);
    }
    yield await pending.shift()!;
  }
}
