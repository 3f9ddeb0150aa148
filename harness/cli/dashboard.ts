import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { UsageError } from "./usage-error.js";

interface DashboardCommandOptions {
  port: number;
  host: string;
  allowHost?: string[];
  runs: string;
  generated: string;
  redis?: string;
  redisPrefix: string;
}

export function declareDashboard(program: Command, host: CommandHost): void {
  program
    .command("dashboard")
    .summary("serve a page that shows runs, attempts and what was accepted, live")
    .description(
      "Serves one page, until Ctrl-C: what was accepted for which chip, all runs, each run with its attempts, their checks and code, a roofline, " +
        "workers and queue. It follows running goals as they write. It only reads.",
    )
    .option("--port <number>", "where to listen; 0 takes a free port", portNumber, 4400)
    .option("--host <address>", "the address to listen at; any but a loopback one asks visitors for a token", "127.0.0.1")
    .option("--allow-host <names...>", "further names under which the page may be asked for, where a proxy or a DNS name leads here")
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--generated <folder>", "where accepted kernels are", "generated")
    .addOption(new Option("--redis <url>", "the queue to show: redis://host:6379, rediss:// over TLS").env("FORGE_REDIS"))
    .addOption(new Option("--redis-prefix <text>", "with what all its keys in Redis begin").env("FORGE_REDIS_PREFIX").default("forge"))
    .addHelpText(
      "after",
      helpText({
        notes: "docs/dashboard.md shows the page, its keys and what keeps it safe.",
        examples: [
          ["forge dashboard", "Then open http://127.0.0.1:4400/."],
          ["forge dashboard --host 0.0.0.0", "For others on the network too: prints a link with a token, made anew at each start."],
        ],
        exitCodes: [0, 2, 4],
      }),
    )
    .action(async (options: DashboardCommandOptions) => host.finish(await dashboard(options, host.interruption())));
}

async function dashboard(options: DashboardCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const [{ startDashboard }, { watchQueue }] = await Promise.all([
    import("../dashboard/start-dashboard.js"),
    import("../dashboard/watch-queue.js"),
  ]);
  const queue = options.redis ? watchQueue(options.redis, options.redisPrefix) : null;
  const running = await startDashboard({
    host: options.host,
    port: options.port,
    hostNames: options.allowHost ?? [],
    runsDirectory: options.runs,
    generatedDirectory: options.generated,
    queue: queue?.overview ?? null,
  }).catch((error: NodeJS.ErrnoException) => {
    const problem = listeningProblems[error.code ?? ""];
    if (problem === undefined) throw error;
    throw new UsageError(`${options.host}:${options.port} ${problem}`, { cause: error });
  });
  process.stdout.write(`Dashboard: ${running.url}\nCtrl-C ends it.\n`);
  await new Promise((resolvePromise) => {
    if (signal.aborted) resolvePromise(null);
    else signal.addEventListener("abort", resolvePromise, { once: true });
  });
  await running.close();
  await queue?.close();
  return exitCodes.ok;
}

const listeningProblems: Record<string, string> = {
  EADDRINUSE: "is taken: say --port <number>, 0 for any free one",
  EACCES: "may not be listened at without root: say --port with a number from 1024 on",
  EADDRNOTAVAIL: "is no address of this machine: say --host with one of its own, 0.0.0.0 for all",
  ENOTFOUND: "is not known by that name: say --host with an address of this machine",
};

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
  return port;
}
