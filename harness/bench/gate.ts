import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { textTable } from "../report/text-table.js";
import { buildProjects } from "./gate/projects.js";
import { gateOnce } from "./gate/run-once.js";
import { type GateProject, type GateTrial, isAsPromised, tallyRows, trialsLeft } from "./gate/trials.js";

/**
 * How often the gate errs: gates of code that nobody touched, of code that was reworded, and of code with a tenth more work, each a
 * `forge gate` of its own in a git repository of its own. Every result is appended at once: a run of hours can be stopped and goes on.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: "string", default: "100" },
      minutes: { type: "string", default: "600" },
      only: { type: "string" },
      results: { type: "string", default: "runs/bench-gate.jsonl" },
      fresh: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const path = resolve(values.results);
  mkdirSync(dirname(path), { recursive: true });
  const done = existsSync(path) && !values.fresh ? readTrials(path) : [];
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const deadline = performance.now() + Number(values.minutes) * 60_000;
  const projects = await buildProjects(resolve(dirname(path), "bench-gate"), values.only ?? null, say);
  const left = trialsLeft(
    projects.map(({ kernel, experiment }) => ({ kernel, experiment })),
    done,
    Number(values.count),
  );
  say(`${done.length} results in ${path}, ${left.length} gates to go`);
  for (const { kernel, experiment } of left) {
    if (performance.now() > deadline || controller.signal.aborted) break;
    const project = projects.find((one) => one.kernel === kernel && one.experiment === experiment)!;
    const trial = await measure(project, controller.signal);
    if (trial === null) break;
    done.push(trial);
    appendFileSync(path, `${JSON.stringify(trial)}\n`);
    say(`${kernel} ${experiment}: ${trial.outcome}: ${trial.summary} (${trial.seconds.toFixed(1)} s)`);
  }
  process.stdout.write(values.json ? `${JSON.stringify(done)}\n` : `${textTable(tallyRows(done))}\n`);
  return isAsPromised(done) ? 0 : 1;
}

async function measure(project: GateProject, signal: AbortSignal): Promise<GateTrial | null> {
  const startedAt = performance.now();
  const report = await gateOnce(project, signal);
  if (report === null) return null;
  const [folder] = report.folders;
  if (!folder) throw new Error(`the gate in ${project.folder} judged nothing`);
  const { kernel, experiment } = project;
  const ratios = Object.fromEntries(folder.speed.map(({ rule, ratio }) => [rule, ratio]));
  const seconds = (performance.now() - startedAt) / 1000;
  const races = folder.speed.find(({ rule }) => rule === "as-at-base")?.measurements ?? 0;
  return { kernel, experiment, outcome: folder.status, summary: folder.summary, ratios, races, seconds, at: new Date().toISOString() };
}

function readTrials(path: string): GateTrial[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as GateTrial);
}
