import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../cli/usage-error.js";
import { expandOddity, OddityRooms, selectRunnable } from "./oddities/expand.js";
import { hashOf, judgeOddity, type OddityCase, type OddityResult } from "./oddities/judge-oddity.js";
import { readOddities } from "./oddities/oddity-file.js";
import { oddityCountLine, oddityTable, summariseOddity } from "./oddities/table.js";

/**
 * Honest kernels that look odd, each judged again and again by the path of `forge check`, with fresh hidden cases: none may ever be
 * accused. Exit code 1 where one is, or where verdicts are missing. Results are appended to a file, where one is named, and a run goes on
 * where it stopped.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", default: "" },
      target: { type: "string", multiple: true },
      repeat: { type: "string", default: "20" },
      minutes: { type: "string", default: "600" },
      results: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const repeat = numberAbove("repeat", values.repeat);
  const deadline = performance.now() + numberAbove("minutes", values.minutes) * 60_000;
  const asked = readOddities()
    .flatMap(expandOddity)
    .filter(({ name, target }) => name.includes(values.only) && (values.target?.includes(target) ?? true));
  const { runnable: cases, skipped } = await selectRunnable(asked);
  for (const line of skipped) process.stderr.write(`skipped: ${line}\n`);
  if (cases.length === 0) throw new UsageError(`no oddity whose name holds '${values.only}' can be judged here on such a target`);
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const path = values.results === undefined ? null : resolve(values.results);
  const results = path === null ? [] : readResults(path);
  await judgeAll({ cases, results, repeat, deadline, signal: controller.signal }, (result) => {
    if (path !== null) appendFileSync(path, `${JSON.stringify(result)}\n`);
    const { name, variant, target, outcome, seconds, accusations, errors } = result;
    process.stderr.write(
      `${[`${name} ${variant} ${target}: ${outcome} after ${seconds.toFixed(1)} s`, ...accusations, ...errors].join("; ")}\n`,
    );
  });
  const summaries = cases.map((oddity) => summariseOddity(oddity, resultsOf(results, oddity)));
  if (values.json)
    process.stdout.write(
      `${JSON.stringify(summaries.map(({ oddity: { candidate: _, ...oddity }, ...rest }) => ({ ...oddity, ...rest })))}\n`,
    );
  else {
    const accused = summaries.flatMap(({ oddity, accusations }) =>
      accusations.map((accusation) => `accused: ${oddity.name}: ${accusation}`),
    );
    process.stdout.write(`${[oddityTable(summaries), "", ...accused, oddityCountLine(summaries)].join("\n")}\n`);
  }
  return summaries.every(({ accused, verdicts }) => accused === 0 && verdicts >= repeat) ? 0 : 1;
}

interface Plan {
  cases: OddityCase[];
  /** What is known already; new results are added. */
  results: OddityResult[];
  repeat: number;
  deadline: number;
  signal: AbortSignal;
}

/** Round by round, so that a run that is cut short has looked at all of them. */
async function judgeAll({ cases, results, repeat, deadline, signal }: Plan, onResult: (result: OddityResult) => void): Promise<void> {
  const rooms = new OddityRooms(signal);
  try {
    for (let round = 1; round <= repeat; round++)
      for (const oddity of cases) {
        if (signal.aborted || performance.now() > deadline) return;
        // A verdict that the machine broke is taken again, once a round.
        if (resultsOf(results, oddity).filter(({ outcome }) => outcome !== "errored").length >= round) continue;
        const result = await judgeOddity(await rooms.roomOf(oddity), oddity);
        results.push(result);
        onResult(result);
      }
  } finally {
    await rooms.close();
  }
}

function resultsOf(results: OddityResult[], oddity: OddityCase): OddityResult[] {
  const judged = hashOf(oddity);
  return results.filter(
    ({ name, variant, target, judged: hash }) =>
      name === oddity.name && variant === oddity.variant && target === oddity.target && hash === judged,
  );
}

function readResults(path: string): OddityResult[] {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as OddityResult);
}

function numberAbove(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${option} takes a number above 0, not ${text}`);
  return value;
}
