import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type KillResult, phases } from "./crash-points/phases.js";
import { full, sample } from "./crash-points/plan.js";
import { survive } from "./crash-points/survive.js";
import { isSound, killTable } from "./crash-points/table.js";

const leastPerPhase = 15;
const leastOfAll = 200;

/**
 * Kills `forge goal` at every call that writes its log, its index and the accepted folder, and at random moments of what it builds,
 * aligns and times; resumes it, and counts what was lost. Each result is appended to a file at once: it goes on where it was stopped.
 * Exit code 1 where anything was lost, counted twice or left behind, or a full run came to fewer kills than it promises.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      sample: { type: "boolean", default: false },
      minutes: { type: "string", default: "600" },
      results: { type: "string", default: "runs/bench-crashes.jsonl" },
      fresh: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const path = resolve(values.results);
  mkdirSync(dirname(path), { recursive: true });
  if (values.fresh) writeFileSync(path, "");
  const results = existsSync(path) ? readResults(path) : [];
  const done = new Set(results.map(({ name }) => name));
  const deadline = performance.now() + Number(values.minutes) * 60_000;
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => (isInterrupted = true));
  await survive({
    program: [process.execPath, ...process.execArgv, process.argv[1]!],
    extent: values.sample ? sample : full,
    done,
    onResults: (fresh) => {
      for (const result of fresh) {
        if (done.has(result.name)) continue;
        results.push(result);
        appendFileSync(path, `${JSON.stringify(result)}\n`);
        process.stderr.write(`${results.length} ${isSound(result) ? "sound" : "UNSOUND"} ${result.seconds.toFixed(1)} s  ${result.name}\n`);
      }
    },
    mayGoOn: () => !isInterrupted && performance.now() < deadline,
  });
  process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${killTable(results)}\n`);
  if (!results.every(isSound)) return 1;
  return values.sample || isEnough(results) ? 0 : 1;
}

function isEnough(results: KillResult[]): boolean {
  const kills = results.filter(({ killed, phase }) => killed && phase !== "full disk");
  const perPhase = phases.slice(0, 6).map((phase) => kills.filter((result) => result.phase === phase).length);
  return kills.length >= leastOfAll && perPhase.every((count) => count >= leastPerPhase);
}

function readResults(path: string): KillResult[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as KillResult);
}
