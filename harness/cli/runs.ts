import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";

export function declareRuns(program: Command, host: CommandHost): void {
  program
    .command("runs")
    .summary("list the runs, newest first")
    .description(
      "Lists the runs kept in a folder, and those whose record lies beside an accepted kernel: goal, attempts, best outcome and speed-up, how " +
        "each ended.",
    )
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--generated <folder>", "where accepted kernels are, whose records count as runs too", "generated")
    .option("--json", "print one JSON object a line instead of the table")
    .addHelpText(
      "after",
      helpText({
        examples: [
          ["forge runs", "All runs of this project."],
          ["forge runs --json | jq -r 'select(.end == \"interrupted\") | .run'", "The runs that can be resumed after Ctrl-C."],
        ],
        exitCodes: [0, 2, 4],
      }),
    )
    .action(async (options: RunsOptions) => host.finish(await runs(options)));
}

interface RunsOptions {
  runs: string;
  generated: string;
  json?: boolean;
}

async function runs(options: RunsOptions): Promise<ExitCode> {
  const directory = resolve(options.runs);
  const [{ openRunStore }, { shippedRuns }, { runTable }] = await Promise.all([
    import("../store/run-store.js"),
    import("../store/shipped-records.js"),
    import("../report/run-table.js"),
  ]);
  // Looking must not make a folder.
  const stored = existsSync(directory) ? openRunStore(directory).list() : [];
  const known = new Set(stored.map(({ run }) => run));
  const shipped = shippedRuns(options.generated).flatMap(({ line, folder }) => (known.has(line.run) ? [] : [{ ...line, record: folder }]));
  const newestFirst = [...stored, ...shipped].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  if (options.json) for (const summary of newestFirst) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else process.stdout.write(`${runTable(newestFirst)}\n`);
  return exitCodes.ok;
}
