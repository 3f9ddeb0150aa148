import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { UsageError } from "./usage-error.js";

interface ReportCommandOptions {
  output?: string;
  runs: string;
  generated: string;
}

export function declareReport(program: Command, host: CommandHost): void {
  program
    .command("report")
    .argument("<run>", "a run's name (see `forge runs`), or `latest`")
    .summary("write one run as a single HTML file, to send around")
    .description(
      "Writes what the dashboard shows of a run into one file that needs nothing else: attempts with their checks, figures and code, the agent's " +
        "words, what was spent. Whoever opens it reaches no server; it holds the code and what was said, so look before you send it.",
    )
    .option("--output <file>", "where to write it (default: <run>.html here)")
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--generated <folder>", "where accepted kernels are, whose records count as runs too", "generated")
    .addHelpText(
      "after",
      helpText({
        examples: [
          ["forge report latest", "The newest run, as <run>.html in this folder."],
          ["forge report rmsnorm-f32-x86-64-20260102-030405-ab12 --output report.html", "A run by its name."],
        ],
        exitCodes: [0, 2, 4],
      }),
    )
    .action(async (run: string, options: ReportCommandOptions) => host.finish(await report(run, options)));
}

async function report(name: string, options: ReportCommandOptions): Promise<ExitCode> {
  const [{ openRunFeed }, { reportData, reportHtml }, { readPageFiles }] = await Promise.all([
    import("../dashboard/run-feed.js"),
    import("../dashboard/report-html.js"),
    import("../dashboard/page-files.js"),
  ]);
  const feed = openRunFeed({ runs: options.runs, generated: options.generated });
  try {
    const newest = [...feed.rows()].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))[0]?.run;
    const run = name === "latest" ? newest : name;
    if (run === undefined)
      throw new UsageError(`there are no runs in ${options.runs} or ${options.generated}: start one with \`forge goal <spec>\``);
    const data = await reportData(feed.row(run), feed.events(run), feed.places(run));
    const path = resolve(options.output ?? `${run}.html`);
    writeReport(path, reportHtml(data, readPageFiles()));
    process.stdout.write(`${path}\n`);
    return exitCodes.ok;
  } finally {
    feed.close();
  }
}

function writeReport(path: string, html: string): void {
  try {
    writeFileSync(path, html);
  } catch (cause) {
    throw new UsageError(`${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}; say --output <file>`, {
      cause,
    });
  }
}
