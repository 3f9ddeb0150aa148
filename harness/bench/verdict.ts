import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { loadSpec } from "../../specs/load-spec.js";
import { ExamRoom } from "../exam-room.js";
import { packageRoot } from "../package-root.js";
import { textTable } from "../report/text-table.js";
import { calibratedCandidate, scaleRows } from "./verdict/contestants.js";
import {
  type BenchCase,
  casesOf,
  type Experiment,
  experiments,
  type Outcome,
  type Tally,
  tallyOf,
  tallyRows,
} from "./verdict/experiments.js";
import { startLoad } from "./verdict/foreign-process.js";

/** One line of the results file: what was asked and what came out. */
interface Result {
  experiment: Experiment;
  callMicroseconds: number;
  outcome: Outcome;
  ratio: number | null;
  units: number;
  seconds: number;
}

/**
 * How often verdicts on speed are wrong: a thing against itself (A/A), against itself made 5 % slower, and against itself while others
 * use the machine. Every verdict goes through `checkSpeed`, as in `forge check`. Each result is appended to a file at once, so that a
 * run of hours can be stopped and goes on where it was.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      total: { type: "string", default: "1400" },
      minutes: { type: "string", default: "600" },
      results: { type: "string", default: "runs/bench-verdict.jsonl" },
      json: { type: "boolean", default: false },
      fresh: { type: "boolean", default: false },
    },
  });
  const path = resolve(values.results);
  const wanted = casesOf(Number(values.total));
  const done = existsSync(path) && !values.fresh ? readResults(path) : [];
  mkdirSync(dirname(path), { recursive: true });
  const deadline = performance.now() + Number(values.minutes) * 60_000;
  const left = remaining(wanted, done);
  process.stderr.write(`${done.length} results in ${path}, ${left.length} of ${wanted.length} to go\n`);
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  await measureAll(left, deadline, controller.signal, (result) => {
    done.push(result);
    appendFileSync(path, `${JSON.stringify(result)}\n`);
    process.stderr.write(
      `${done.length}/${wanted.length} ${result.experiment} ${result.callMicroseconds} us: ${result.outcome} ${result.ratio?.toFixed(4) ?? ""} after ${result.units} units, ${result.seconds.toFixed(1)} s\n`,
    );
  });
  const tallies = experiments.flatMap((experiment) => [50, 1000, 50_000].map((microseconds) => tallyOf(done, experiment, microseconds)));
  process.stdout.write(values.json ? `${JSON.stringify(tallies)}\n` : `${report(tallies, done.length, wanted.length)}\n`);
  return tallies.every((tally) => tally.falseClaims <= tally.allowedFalseClaims) ? 0 : 1;
}

function readResults(path: string): Result[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Result);
}

/** The wanted cases that have no result yet, in an order that spreads experiments and lengths evenly, so that a sample is one. */
function remaining(wanted: BenchCase[], done: Result[]): BenchCase[] {
  const counts = new Map<string, number>();
  for (const result of done) {
    const key = `${result.experiment} ${result.callMicroseconds}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return wanted.filter((benchCase) => {
    const key = `${benchCase.experiment} ${benchCase.callMicroseconds}`;
    const count = counts.get(key) ?? 0;
    if (count > 0) counts.set(key, count - 1);
    return count === 0;
  });
}

async function measureAll(cases: BenchCase[], deadline: number, signal: AbortSignal, onResult: (result: Result) => void): Promise<void> {
  const rooms = new Map<number, Promise<ExamRoom>>();
  const loaded = loadSpec(join(packageRoot(), "harness", "bench", "verdict", "calibrated.yaml"));
  try {
    for (const benchCase of cases) {
      if (performance.now() > deadline || signal.aborted) return;
      const { callMicroseconds } = benchCase;
      if (!rooms.has(callMicroseconds)) rooms.set(callMicroseconds, openCalibrated(loaded, callMicroseconds, signal));
      onResult(await measure(await rooms.get(callMicroseconds)!, benchCase));
    }
  } finally {
    for (const room of rooms.values()) await (await room).close();
  }
}

/** A room whose timed size makes one call of the baseline take this long. */
async function openCalibrated(loaded: LoadedSpec, callMicroseconds: number, signal: AbortSignal): Promise<ExamRoom> {
  const room = (spec: LoadedSpec) => ExamRoom.open({ loaded: spec, variant: "f32", target: "x86-64", threads: 1, unsafe: false, signal });
  const probe = await room(loaded);
  const rows = loaded.spec.cases.timed[0]!.rows!;
  const trial = (await probe.try(await calibratedCandidate(probe, 0))).calibrated!;
  await probe.close();
  if (trial.status === "rejected") throw new Error(`the calibrated kernel was rejected: ${trial.reason}`);
  return room(scaleRows(loaded, Math.max(1, Math.round((rows * callMicroseconds) / 1e6 / trial.seconds))));
}

async function measure(room: ExamRoom, benchCase: BenchCase): Promise<Result> {
  const startedAt = performance.now();
  const load = benchCase.experiment === "A/A under load" ? startLoad() : null;
  try {
    const answer = await room.judgeSpeed(await calibratedCandidate(room, benchCase.experiment === "+5 %" ? 0.05 : 0));
    const figure = "figures" in answer ? answer.figures?.[0] : undefined;
    const outcome: Outcome =
      answer.status === "errored" ? "errored" : answer.status === "failed" ? "failed" : (figure?.outcome ?? "undecided");
    if (answer.status === "failed") process.stderr.write(`${answer.summary}\n`);
    return {
      ...benchCase,
      outcome,
      ratio: figure?.ratio ?? null,
      units: figure?.units ?? 0,
      seconds: (performance.now() - startedAt) / 1000,
    };
  } finally {
    load?.stop();
  }
}

function report(tallies: Tally[], done: number, wanted: number): string {
  return [`${done} of ${wanted} verdicts (a sample where fewer)`, textTable(tallyRows(tallies))].join("\n");
}
