import { setMaxListeners } from "node:events";
import { parseArgs } from "node:util";
import { type StressResult, stressQueue } from "./queue/stress.js";

/**
 * Puts jobs of several goals into a real Redis, has `forge worker` processes do them, kills these and restarts Redis meanwhile, and looks
 * whether every job was judged, with exactly one verdict, its own. Exit code 1 where not. Needs redis-server.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      jobs: { type: "string", default: "500" },
      builds: { type: "string", default: "120" },
      workers: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
    },
  });
  const stop = new AbortController();
  // Every job listens to it.
  setMaxListeners(0, stop.signal);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const result = await stressQueue({
    jobs: Number(values.jobs),
    builds: Number(values.builds),
    workers: Number(values.workers),
    redisRestarts: 2,
    program: [process.execPath, ...process.execArgv, process.argv[1]!],
    signal: stop.signal,
    say: (text) => process.stderr.write(`${text}\n`),
  });
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${stressText(result)}\n`);
  return isSound(result) ? 0 : 1;
}

const isSound = (result: StressResult): boolean =>
  result.problems.length === 0 && result.answered === result.jobs && result.completedInRedis === result.jobs && result.failedInRedis === 0;

function stressText(result: StressResult): string {
  const { jobs, builds, answered, problems, completedInRedis, failedInRedis, kills, restarts, begun, fencedOff } = result;
  return [
    `${jobs} jobs, ${builds} of them builds and alignments (median ${result.medianBuildSeconds.toFixed(1)} s), in ${result.seconds.toFixed(0)} s`,
    `${kills} workers killed, Redis restarted ${restarts} times; tries begun: ${begun}, late results fenced off: ${fencedOff}`,
    `answered: ${answered}; results in Redis: ${completedInRedis}; failed: ${failedInRedis}; lost: ${jobs - answered}`,
    ...problems.map((problem) => `PROBLEM ${problem}`),
    isSound(result) ? "every job judged, exactly one verdict each, nothing lost" : "NOT SOUND",
  ].join("\n");
}
