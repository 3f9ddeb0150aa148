import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { addQueueOptions, type QueueCommandOptions, requireRedis } from "./queue-options.js";

interface WorkersCommandOptions extends QueueCommandOptions {
  json?: boolean;
}

export function declareWorkers(program: Command, host: CommandHost): void {
  const command = program
    .command("workers")
    .summary("who works at the queue, and what waits")
    .description("Shows the workers of a queue with their chips, the jobs that run and wait, and those that nobody can take.")
    .option("--json", "print one JSON object")
    .action(async (options: WorkersCommandOptions) => host.finish(await workers(options)));
  addQueueOptions(command, "the queue to look at").addHelpText(
    "after",
    helpText({
      examples: [["forge workers --redis redis://queue.example:6379", "Needs no secret: it only looks, and shows what Redis says."]],
      exitCodes: [0, 2, 4],
    }),
  );
}

async function workers(options: WorkersCommandOptions): Promise<ExitCode> {
  const { redis, redisPrefix } = requireRedis(options);
  const [{ RedisQueue }, { redisAddress }, { queueText }] = await Promise.all([
    import("../queue/redis-queue.js"),
    import("../queue/redis-link.js"),
    import("../report/queue-text.js"),
  ]);
  const queue = await RedisQueue.open(redisAddress(redis, redisPrefix));
  try {
    const overview = await queue.overview();
    process.stdout.write(`${options.json ? JSON.stringify(overview) : queueText(overview, Date.now())}\n`);
    return exitCodes.ok;
  } finally {
    await queue.close();
  }
}
