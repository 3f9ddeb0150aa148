import { Argument, type Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { UsageError } from "./usage-error.js";

// Each is loaded only when it is asked for.
const benches: Record<string, () => Promise<{ run(benchArguments: string[]): Promise<number> }>> = {
  verdict: () => import("../bench/verdict.js"),
  kernels: () => import("../bench/kernels.js"),
  trainers: () => import("../bench/trainers.js"),
  curve: () => import("../bench/curve.js"),
  sentinels: () => import("../bench/sentinels.js"),
  crashes: () => import("../bench/crashes.js"),
  oddities: () => import("../bench/oddities.js"),
  gate: () => import("../bench/gate.js"),
  queue: () => import("../bench/queue.js"),
  kernelbench: () => import("../bench/kernelbench.js"),
};

export function declareBench(program: Command, host: CommandHost): void {
  const command = program.command("bench");
  command
    .addArgument(new Argument("<what>", "which measurement").choices(Object.keys(benches)))
    .argument("[arguments...]", "passed on to the measurement")
    .summary("measure Forge itself: its verdicts, its gates, its kernels")
    .description(
      "Measures Forge itself, on a machine that does nothing else: sentinels and kernels take minutes to tens of minutes, verdict takes hours unless --minutes ends it early.",
    )
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText(
      "after",
      helpText({
        notes:
          "verdict: how often the speed verdict errs: A/A pairs, pairs 5 % apart, A/A under load; goes on where it stopped\n" +
          "  --total <count>      verdicts of all kinds together, spread evenly (default: 1400)\n" +
          "  --minutes <count>    begin no further verdict after this time (default: 600)\n" +
          "  --results <file>     where each result is appended (default: runs/bench-verdict.jsonl); --fresh ignores what is there\n" +
          "  --json               the tallies as JSON\n" +
          "kernels: what was forged against the baseline and its peers, per cent of the physical limit\n" +
          "  --spec, --variant, --target <name>   only these; each may be given more than once\n" +
          "  --rounds <count>     5 to 64 (default: 12)\n" +
          "  --under-load         take figures though others use the machine, and mark them\n" +
          "  --generated, --specs <folder>        other folders than Forge's own\n" +
          "  --json, --markdown   one object a line, or a table for docs\n" +
          "trainers: what was forged beside PyTorch (plain eager, compiled, Hugging Face), tokens/s, MFU, peak memory\n" +
          "  --spec <name or file>, --variant <name>   only these (default: minicpm-tiny, -small, -medium; f32, bf16)\n" +
          "  --trainer <folder>   this code in place of what lies under generated/\n" +
          "  --rounds <count>     5 to 64 (default: 5); --threads <count>; --under-load; --generated <folder>\n" +
          "  --profile            where a step's time goes, on stderr; --json, --markdown\n" +
          "curve: a forged trainer and PyTorch train the same weights on the same text; both losses as JSON and as a plot\n" +
          "  --spec, --variant, --trainer, --steps (default: minicpm-tiny, f32, what was accepted, 1000), --seed, --output <folder>\n" +
          "sentinels: wrong kernels that must be rejected and honest ones that must be accepted\n" +
          "  --spec, --variant, --only <name>     only these\n" +
          "  --repeat <count>     rounds, each with fresh hidden cases (default: 1)\n" +
          "  --jobs <count>       processes side by side\n" +
          "  --json               everything as JSON\n" +
          "crashes: goals killed at every call that writes log, index and accepted folder, and while they build, align and time; resumed\n" +
          "  --sample             twenty kills instead of all; about two minutes instead of half an hour\n" +
          "  --minutes <count>    kill no further goal after this time (default: 600); given again, it goes on\n" +
          "  --results <file>     where each result is appended (default: runs/bench-crashes.jsonl); --fresh empties it\n" +
          "  --json               everything as JSON\n" +
          "oddities: honest kernels that look odd and must never be accused, judged as forge check judges\n" +
          "  --only <name>, --target <name>       only these\n" +
          "  --repeat <count>     verdicts on each (default: 20)\n" +
          "  --minutes <count>    begin no further verdict after this time (default: 600)\n" +
          "  --results <file>     where each result is appended; what is there counts, if the kernel is the same\n" +
          "  --json               a summary of each as JSON\n" +
          "gate: how often `forge gate` fails what nobody slowed, and sees a tenth more work; goes on where it stopped\n" +
          "  --count <count>      gates of each kernel and kind (default: 100)\n" +
          "  --only <kernel>      compute, bandwidth or latency\n" +
          "  --minutes <count>    begin no further gate after this time (default: 600)\n" +
          "  --results <file>     where each result is appended (default: runs/bench-gate.jsonl); --fresh ignores what is there\n" +
          "  --json               every result as JSON\n" +
          "queue: jobs over several workers, which are killed every two median times of a build, on a Redis that is restarted twice\n" +
          "  --jobs, --builds, --workers <count>  (default: 500, of them 120 builds and alignments, over 3); needs redis-server\n" +
          "kernelbench: exams of KernelBench's problems, and two candidates through each: right, and with a mistake; needs Python with PyTorch\n" +
          "  <folder>             which holds level1/ and level2/\n" +
          "  --count <count>      problems (default: 20), spread over the levels; --only <text> in their paths; --json",
        examples: [
          ["forge bench sentinels", "Which gate rejects which planted mistake."],
          ["forge bench sentinels --spec rmsnorm --variant bf16 --repeat 20", "Some of them, with fresh hidden cases each time."],
          ["forge bench verdict --total 140 --minutes 20", "A sample of the experiment behind the stated error."],
          ["forge bench kernels", "The table of docs/benchmarks.md, on this machine."],
        ],
        exitCodes: [0, 1, 2, 4],
      }),
    )
    .action(async (what: string, benchArguments: string[]) => {
      // Asking how to use it must not start minutes of measuring.
      if (benchArguments.includes("--help") || benchArguments.includes("-h")) command.help();
      // Ends what is being measured instead of the process, so that nothing stays behind; each measurement listens for itself.
      host.interruption();
      host.finish(toExitCode(await (await benches[what]!()).run(benchArguments).catch(asUsageError)));
    });
}

/** What parseArgs objects to is the user's to mend. */
function asUsageError(error: unknown): never {
  if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) throw new UsageError(error.message);
  throw error;
}

function toExitCode(code: number): ExitCode {
  return Object.values(exitCodes).find((known) => known === code) ?? exitCodes.errored;
}
