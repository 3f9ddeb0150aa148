import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { ForgeEvent } from "../../specs/contracts/event.js";
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
    .option("--generated <folder>", "where accepted kernels are, whose records can be shown by the name of their run", "generated")
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
    .action(async (run: string, options: ShowCommandOptions) => host.finish(await show(run, options)));
}

interface ShowCommandOptions {
  runs: string;
  generated: string;
  json?: boolean;
}

async function show(name: string, options: ShowCommandOptions): Promise<ExitCode> {
  const [{ runStory }, { jsonText }, { recordedEvents }] = await Promise.all([
    import("../report/run-story.js"),
    import("../report/escape-text.js"),
    import("../store/shipped-records.js"),
  ]);
  // The store has the whole run, a record only its way to what was accepted.
  const recorded = existsSync(join(options.runs, name)) ? null : recordedEvents(options.generated, name);
  const events = recorded ?? (await storedEvents(name, options));
  if (options.json) for (const event of events) process.stdout.write(`${jsonText(event)}\n`);
  else process.stdout.write(`${runStory(events, recorded !== null)}\n`);
  return exitCodes.ok;
}

async function storedEvents(name: string, options: ShowCommandOptions): Promise<ForgeEvent[]> {
  const directory = resolve(options.runs);
  if (!existsSync(directory))
    throw new UsageError(`there is no folder ${options.runs}: start a run with \`forge goal <spec>\`, or say --runs <folder>`);
  const { openRunStore } = await import("../store/run-store.js");
  const store = openRunStore(directory);
  const run = name === "latest" ? store.list()[0]?.run : name;
  if (run === undefined) throw new UsageError(`there are no runs in ${options.runs}: start one with \`forge goal <spec>\``);
  return store.eventsOf(run);
}
