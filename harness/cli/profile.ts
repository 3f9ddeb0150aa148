import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { callDesk, requireDesk } from "./desk-client.js";
import { helpText } from "./help-text.js";
import { UsageError } from "./usage-error.js";

export function declareProfile(program: Command, host: CommandHost): void {
  program
    .command("profile")
    .argument("<entry>", "name of an entry of the spec")
    .summary("show where an entry's time goes, in the folder of a waiting goal")
    .description(
      "In a folder where a goal waits for work: share of each function and loop, place below the roofline, the compiler's report on " +
        "vectorisation, and the assembly of the hottest loop, at a timed size of the spec.",
    )
    .option("--size <index>", "which of the spec's timed sizes", "0")
    .addHelpText(
      "after",
      helpText({ examples: [["forge profile rmsnorm_forward", "At the spec's first timed size."]], exitCodes: [0, 2, 130] }),
    )
    .action(async (entry: string, { size }: { size: string }) => {
      if (!/^\d+$/.test(size)) throw new UsageError(`--size is ${size}: give the index of a timed size, from 0`);
      host.finish(await callDesk(requireDesk(), "profile", JSON.stringify({ entry, timed_size: Number(size) })));
    });
}
