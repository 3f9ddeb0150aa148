import { join } from "node:path";
import { loadSpec } from "../../../specs/load-spec.js";
import { freshSeed } from "../../../verifiers/numerics/random.js";
import { ExamRoom } from "../../exam-room.js";
import { packageRoot } from "../../package-root.js";
import { hostTargetName } from "../../targets.js";
import { expandSentinels } from "./expand.js";
import { judgeSentinel, type SentinelResult } from "./judge-sentinel.js";

export interface RoundsOptions {
  spec: string;
  variant: string;
  /** Sentinels whose name holds this text. */
  only: string;
  rounds: number;
  signal: AbortSignal;
}

export interface RoundsResult {
  results: SentinelResult[];
  /** What could not be run here, with the reason. */
  skipped: string[];
}

/** Judges the sentinels of one spec and variant, with fresh hidden cases every round. */
export async function judgeRounds({ spec, variant, only, rounds, signal }: RoundsOptions): Promise<RoundsResult> {
  const loaded = loadSpec(join(packageRoot(), "specs", "kernels", `${spec}.yaml`));
  const variants = Object.keys(loaded.spec.variants);
  if (!variants.includes(variant)) throw new Error(`${spec} has no variant ${variant}; it has ${variants.join(", ")}`);
  const room = await ExamRoom.open({ loaded, variant, target: hostTargetName, threads: 1, unsafe: false, signal });
  const results: SentinelResult[] = [];
  try {
    const { sentinels, skipped } = expandSentinels(
      loaded,
      variant,
      room.machine,
      room.toolchains.map((toolchain) => toolchain.name),
    );
    for (let round = 0; round < rounds; round++) {
      const seed = freshSeed();
      // Entry by entry, so that what is expected of its cases is still remembered.
      for (const entry of room.entries)
        for (const sentinel of sentinels)
          if (sentinel.entry === entry.name && sentinel.name.includes(only))
            results.push(await judgeSentinel(room, sentinel, seed, signal));
      process.stderr.write(`${spec} ${variant}: round ${round + 1} of ${rounds}, ${results.length} judged\n`);
    }
    return { results, skipped };
  } finally {
    await room.close();
  }
}
