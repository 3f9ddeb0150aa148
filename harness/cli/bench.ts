import { Argument, type Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";

// Each is loaded only when it is asked for.
const benches: Record<string, () => Promise<{ run(benchArguments: string[]): Promise<number> }>> = {
  verdict: () => import("../bench/verdict.js"),
  kernels: () => import("../bench/kernels.js"),
  sentinels: () => import("../bench/sentinels.js"),
};

export function declareBench(program: Command, host: CommandHost): void {
  const command = program.command("bench");
  command
    .addArgument(new Argument("<what>", "which measurement").choices(Object.keys(benches)))
    .argument("[arguments...]", "passed on to the measurement")
    .summary("measure Forge itself: its verdicts, its gates, its kernels")
    .description("Measures Forge itself. These take minutes, and want a machine that does nothing else.")
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText(
      "after",
      helpText({
        notes:
          "  verdict    how often the speed verdict errs: A/A pairs, pairs 5 % apart, A/A under load\n" +
          "  kernels    what was forged against the baseline and its peers, per cent of the physical limit\n" +
          "  sentinels  wrong kernels that must be rejected and honest ones that must be accepted",
        examples: [
          ["forge bench sentinels", "Which gate rejects which planted mistake."],
          ["forge bench sentinels --spec rmsnorm --variant bf16 --repeat 20", "Some of them, with fresh hidden cases each time."],
          ["forge bench kernels", "The table of docs/verdict.md, on this machine."],
        ],
        exitCodes: [0, 1, 2, 4],
      }),
    )
    .action(async (what: string, benchArguments: string[]) => {
      // Asking how to use it must not start minutes of measuring.
      if (benchArguments.includes("--help") || benchArguments.includes("-h")) command.help();
      // Ends what is being measured instead of the process, so that nothing stays behind; each measurement listens for itself.
      host.interruption();
      host.finish(toExitCode(await (await benches[what]!()).run(benchArguments)));
    });
}

function toExitCode(code: number): ExitCode {
  return Object.values(exitCodes).find((known) => known === code) ?? exitCodes.errored;
}
