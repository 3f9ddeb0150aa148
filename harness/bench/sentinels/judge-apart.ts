import { execa } from "execa";
import type { RoundsOptions, RoundsResult } from "./judge-rounds.js";

/** The same in processes of their own, some at a time: comparing is our own work, of which one process does one thing at once. */
export async function judgeApart(choices: RoundsOptions[], jobs: number): Promise<RoundsResult[]> {
  const parts: RoundsResult[] = [];
  const waiting = [...choices.entries()];
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) parts[next[0]] = await judgeInProcess(next[1]);
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return parts;
}

async function judgeInProcess({ spec, variant, only, rounds, signal }: RoundsOptions): Promise<RoundsResult> {
  const options = ["--spec", spec, "--variant", variant, "--only", only, "--repeat", String(rounds), "--json"];
  // The program itself again, started as it was.
  const { stdout, exitCode, stderr } = await execa(
    process.execPath,
    [...process.execArgv, process.argv[1]!, "bench", "sentinels", ...options],
    { cancelSignal: signal, stderr: ["pipe", "inherit"], reject: false, maxBuffer: 1 << 30 },
  );
  signal.throwIfAborted();
  try {
    return reviveInfinities(JSON.parse(stdout) as RoundsResult);
  } catch {
    throw new Error(
      `the sentinels of ${spec} ${variant} were not judged (exit code ${exitCode}): ${/^error: (.*)$/m.exec(stderr)?.[1] ?? "it said nothing"}`,
    );
  }
}

/** JSON has no infinity and writes null. */
function reviveInfinities(part: RoundsResult): RoundsResult {
  return { ...part, results: part.results.map((result) => ({ ...result, share: result.share ?? Number.POSITIVE_INFINITY })) };
}
