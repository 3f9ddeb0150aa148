import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../cli/usage-error.js";
import { OutlineError } from "../outline/outline-error.js";
import { judgeProblem, type ProblemVerdicts } from "./kernelbench/judge-problem.js";

const levels = ["level1", "level2"];

/**
 * Problems of KernelBench's levels 1 and 2 into exams, and two candidates through each: the module's own translation, which must pass, and the same
 * with a mistake, which must fail. Spread evenly over the levels until there are as many verdicts as asked. Exit code 1 where one comes out otherwise.
 */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      count: { type: "string", default: "20" },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new UsageError("name the folder that holds KernelBench's level1/ and level2/");
  const count = Number(values.count);
  if (!Number.isInteger(count) || count < 1) throw new UsageError(`--count takes a number from 1, not ${values.count}`);
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const verdicts: ProblemVerdicts[] = [];
  const refused: { problem: string; reason: string }[] = [];
  const project = mkdtempSync(join(tmpdir(), "forge-kernelbench-"));
  try {
    for (const file of spread(problemsIn(folder).filter((path) => path.includes(values.only)))) {
      if (verdicts.length === count || controller.signal.aborted) break;
      const name = specName(file);
      try {
        verdicts.push(await judgeProblem(file, name, project, controller.signal));
        if (!values.json) process.stdout.write(`${line(verdicts.at(-1)!)}\n`);
      } catch (error) {
        if (!(error instanceof OutlineError)) throw error;
        refused.push({ problem: name, reason: error.message.replace(`${file}: `, "") });
        process.stderr.write(`  no exam of ${name}: ${refused.at(-1)!.reason}\n`);
      }
    }
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
  const held = verdicts.filter(({ honest, planted }) => honest.outcome === "passed" && planted.outcome === "failed").length;
  if (values.json) process.stdout.write(`${JSON.stringify({ verdicts, refused })}\n`);
  else
    process.stdout.write(
      `\n${verdicts.length} problems: ${held} with the module's translation passed and the planted mistake failed; of ${refused.length} more no exam could be made\n`,
    );
  return held === verdicts.length && verdicts.length > 0 ? 0 : 1;
}

function problemsIn(folder: string): string[] {
  const files = levels.flatMap((level) => {
    const own = join(folder, level);
    if (!existsSync(own)) throw new UsageError(`${own} does not exist: name the folder that holds KernelBench's ${levels.join("/ and ")}/`);
    const names = readdirSync(own).filter((name) => /^\d+_.*\.py$/.test(name));
    return names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).map((name) => join(own, name));
  });
  return files;
}

/** Every tenth, then those behind them, and so on: any beginning of it has something of everything. */
function spread(files: string[]): string[] {
  const step = 10;
  return Array.from({ length: step }, (_, turn) => files.filter((_, place) => place % step === (turn * 3) % step)).flat();
}

/** level1/40_LayerNorm.py is l1-40-layernorm. */
function specName(file: string): string {
  const level = /level(\d)/.exec(file)![1]!;
  const words = basename(file, ".py")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  return `l${level}-${words.join("-")}`.slice(0, 48).replace(/-$/, "");
}

function line({ problem, sizes, agreement, honest, planted }: ProblemVerdicts): string {
  return [
    `${problem.padEnd(48)} ${honest.outcome.padEnd(7)} ${planted.outcome.padEnd(7)} (${planted.mistake})`,
    `    sizes ${sizes.join(", ") || "none vary"}; reference and module differ by ${agreement.toExponential(1)}`,
    `    ${honest.said}`,
    `    ${planted.said}`,
  ].join("\n");
}
