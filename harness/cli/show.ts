import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { UsageError } from "./usage-error.js";

export function declareShow(program: Command, host: CommandHost): void {
  program
    .command("show")
    .argument("<run>", "a run's name (see `forge runs`), or `latest`")
    .summary("tell the story of one run")
    .description("Tells what happened in a run: its goal, every attempt with its checks and figures, what was accepted, how it ended.")
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--json", "print the run's events instead, one JSON object a line")
    .addHelpText(
      "after",
      helpText({
        examples: [
          ["forge show latest", "The newest run."],
          ["forge show latest --json | jq -c 'select(.type == \"check-finished\") | .result'", "Every check's answer."],
        ],
        exitCodes: [0, 2, 4],
      }),
    )
    .action(async (run: string, options: { runs: string; json?: boolean }) => host.finish(await show(run, options)));
}

async function show(name: string, options: { runs: string; json?: boolean }): Promise<ExitCode> {
  const directory = resolve(options.runs);
  if (!existsSync(directory))
    throw new UsageError(`there is no folder ${options.runs}: start a run with \`forge goal <spec>\`, or say --runs <folder>`);
  const [{ openRunStore }, { runStory }, { jsonText }] = await Promise.all([
    import("../store/run-store.js"),
    import("../report/run-story.js"),
    import("../report/escape-text.js"),
  ]);
  const store = openRunStore(directory);
  const run = name === "latest" ? store.list()[0]?.run : name;
  if (run === undefined) throw new UsageError(`there are no runs in ${options.runs}: start one with \`forge goal <spec>\``);
  const events = store.eventsOf(run);
  if (options.json) for (const event of events) process.stdout.write(`${jsonText(event)}\n`);
  else process.stdout.write(`${runStory(events)}\n`);
  return exitCodes.ok;
}
