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
    .description("Lists the runs kept in a folder: goal, attempts, best outcome and speed-up, how each ended.")
    .option("--runs <folder>", "where run histories are kept", "runs")
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
    .action(async (options: { runs: string; json?: boolean }) => host.finish(await runs(options)));
}

async function runs(options: { runs: string; json?: boolean }): Promise<ExitCode> {
  const directory = resolve(options.runs);
  // Looking must not make a folder.
  if (!existsSync(directory)) {
    if (!options.json) process.stdout.write(`No runs in ${options.runs} yet: \`forge goal <spec>\` starts one.\n`);
    return exitCodes.ok;
  }
  const [{ openRunStore }, { runTable }] = await Promise.all([import("../store/run-store.js"), import("../report/run-table.js")]);
  const summaries = openRunStore(directory).list();
  if (options.json) for (const summary of summaries) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else process.stdout.write(`${runTable(summaries)}\n`);
  return exitCodes.ok;
}
