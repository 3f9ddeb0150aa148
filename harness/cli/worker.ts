import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { addQueueOptions, type QueueCommandOptions, requireRedis } from "./queue-options.js";
import { requireTarget } from "./require-known.js";

interface WorkerCommandOptions extends QueueCommandOptions {
  target: string;
}

export function declareWorker(program: Command, host: CommandHost): void {
  const command = program
    .command("worker")
    .summary("judge for goals of other machines, on this one")
    .description(
      "Takes jobs of its targets from the queue and judges them here: one at a time, so that what is timed is alone. It runs nothing that " +
        "was not signed with the shared secret. See docs/queue.md for how machines are set up.",
    )
    .option("--target <names>", "chips to serve, with commas between them, or `all` that are here", "all")
    .action(async (options: WorkerCommandOptions) => host.finish(await worker(options, host.interruption())));
  addQueueOptions(command, "where jobs come from").addHelpText(
    "after",
    helpText({
      examples: [
        ["forge worker --redis redis://queue.example:6379 --secret-file queue.secret", "Every target that this machine has."],
        [
          "FORGE_REDIS=rediss://user:password@host:6380 forge worker --target x86-64,wasm-simd",
          "Over TLS, with the secret in FORGE_QUEUE_SECRET.",
        ],
      ],
      exitCodes: [0, 2, 4, 130],
    }),
  );
}

/** What a worker's exam processes run; `forge worker` starts it. */
export function declareExamProcess(program: Command, host: CommandHost): void {
  program.command("exam-process", { hidden: true }).action(async () => {
    const { runExamProcess } = await import("../worker/exam-process.js");
    await runExamProcess(host.interruption());
    host.finish(exitCodes.ok);
  });
}

async function worker(options: WorkerCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const shared = requireRedis(options);
  const [{ openSharedQueue }, { runWorker }, { presentTargets }] = await Promise.all([
    import("../queue/open-queue.js"),
    import("../worker/run-worker.js"),
    import("../worker/present-targets.js"),
  ]);
  const { targetNames } = await import("../targets.js");
  const named = options.target.split(",").map((name) => name.trim());
  if (options.target !== "all") for (const name of named) requireTarget(targetNames, name);
  const targets = options.target === "all" ? await presentTargets() : named;
  const { queue, blobs, seal } = await openSharedQueue(shared);
  try {
    await runWorker({ targets, queue, blobs, seal, signal, say: (text) => process.stdout.write(`${text}\n`) });
    return exitCodes.ok;
  } finally {
    await queue.close();
  }
}
