import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { ForgeEvent, RunEnd } from "../../specs/contracts/event.js";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import type { CommandHost } from "./command-host.js";
import { commandName } from "./command-name.js";
import { type ExitCode, exitCodes, gravestExitCode } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { positiveInteger, positiveNumber } from "./option-values.js";
import { requireTarget, requireVariant } from "./require-known.js";
import { UsageError } from "./usage-error.js";

interface GoalCommandOptions {
  variant?: string;
  target: string;
  agent: string;
  from?: string;
  threads?: number;
  attempts?: number;
  minutes?: number;
  resume?: string | true;
  require: "passed" | "surpassed";
  json?: boolean;
  /** `--unsafe-no-sandbox` */
  unsafeNoSandbox?: boolean;
  acceptWeakExam?: boolean;
  output: string;
  runs: string;
}

export function declareGoal(program: Command, host: CommandHost): void {
  program
    .command("goal")
    .argument("<spec>", "the exam: a YAML file, e.g. specs/kernels/rmsnorm.yaml")
    .summary("have a kernel forged: passed first, then surpassed")
    .description(
      "Has an agent write the kernel that the spec describes, for one target. Every attempt is judged by the verifiers: nothing is timed " +
        "until it is right. What is accepted goes to the output folder with a certificate; every run is kept and can be resumed.",
    )
    .option("--variant <name>", "storage types, as named in the spec, or `all` (default: the spec's first)")
    .option("--target <name>", "chip to forge for (see `forge targets`), or `all`", "x86-64")
    .option("--agent <name>", "who writes the code: `autotune` searches over compilers, flags and pragmas, without a key", "autotune")
    .option("--from <folder>", "judge and accept the code in this folder instead of having an agent write it")
    .option("--threads <count>", "threads the kernel may use (default: what the target recommends here)", positiveInteger)
    .option("--attempts <count>", "budget: attempts to be judged (default: the spec's)", positiveInteger)
    .option(
      "--minutes <count>",
      "budget: no trial or attempt begins after this; one that has begun is finished (default: the spec's)",
      positiveNumber,
    )
    .option("--resume [run]", "go on with an unfinished run: the newest of this goal, or the one named")
    .addOption(new Option("--require <outcome>", "what counts as success").choices(["passed", "surpassed"]).default("passed"))
    .option("--output <folder>", "where accepted kernels go", "generated")
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--json", "print the event stream, one JSON object a line")
    .option("--unsafe-no-sandbox", "build and run generated code without bubblewrap, with your rights; the certificate says so")
    .option("--accept-weak-exam", "sit the exam although `forge lint` found that its gates miss too much")
    .addHelpText(
      "after",
      helpText({
        examples: [
          ["forge goal specs/kernels/rmsnorm.yaml", "The first variant on x86-64 with the built-in agent."],
          ["forge goal specs/kernels/linear.yaml --variant bf16 --minutes 10", "Another variant; after ten minutes no new attempt begins."],
          [
            "forge goal my/gelu.yaml --target all --variant all --require surpassed",
            "Every variant on every target; exit 3 where one is right but no faster.",
          ],
          [
            "forge goal specs/kernels/rmsnorm.yaml --from generated/rmsnorm/f32/x86-64",
            "Code that is there already: a stale certificate is renewed, or what you wrote yourself is accepted.",
          ],
          ["forge goal specs/kernels/rmsnorm.yaml --resume", "Goes on where the newest unfinished run stopped."],
          ["forge goal specs/kernels/rmsnorm.yaml --json | jq -c 'select(.type == \"attempt-judged\")'", "Follow it from a program."],
        ],
        exitCodes: [0, 1, 2, 3, 4, 130],
      }),
    )
    .action(async (spec: string, options: GoalCommandOptions) => host.finish(await goal(spec, options, host.interruption())));
}

async function goal(specPath: string, options: GoalCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const { loadSpec } = await import("../../specs/load-spec.js");
  const loaded = loadSpec(specPath);
  const variants =
    options.variant === "all" ? Object.keys(loaded.spec.variants) : [options.variant ?? Object.keys(loaded.spec.variants)[0]!];
  for (const variant of variants) requireVariant(loaded, variant);
  const targets = await chooseTargets(options.target);
  if (typeof options.resume === "string" && variants.length * targets.length > 1) {
    throw new UsageError("--resume with a run names one goal: leave out `all`, or leave out the run to resume the newest of each goal");
  }
  if (options.from !== undefined && variants.length * targets.length > 1)
    throw new UsageError("--from names one goal's code: leave out `all`");
  const codes: ExitCode[] = [];
  for (const variant of variants) {
    for (const target of targets) {
      codes.push(signal.aborted ? exitCodes.interrupted : await oneGoal({ loaded, specPath, variant, target, options, signal }));
    }
  }
  return gravestExitCode(codes);
}

async function chooseTargets(name: string): Promise<string[]> {
  const { targetNames } = await import("../targets.js");
  if (name === "all") return targetNames;
  requireTarget(targetNames, name);
  return [name];
}

interface OneGoal {
  loaded: LoadedSpec;
  specPath: string;
  variant: string;
  target: string;
  options: GoalCommandOptions;
  signal: AbortSignal;
}

async function oneGoal({ loaded, specPath, variant, target, options, signal }: OneGoal): Promise<ExitCode> {
  const [{ runGoal }, { requireStrongExam }, { summaryOf }, { openProgress }, { closingText }, { unsafeWarning }] = await Promise.all([
    import("../run-goal.js"),
    import("../lint/require-strong-exam.js"),
    import("../lint/exam-report.js"),
    import("../progress/open-progress.js"),
    import("../progress/closing-text.js"),
    import("../report/unsafe-text.js"),
  ]);
  const progress = openProgress(process.stdout, options.json ?? false);
  const onAbort = () => progress.say("Ending the run cleanly; Ctrl-C again stops at once.");
  signal.addEventListener("abort", onAbort, { once: true });
  const events: ForgeEvent[] = [];
  const budget = {
    ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
    ...(options.minutes === undefined ? {} : { minutes: options.minutes }),
  };
  const unsafe = options.unsafeNoSandbox ?? false;
  if (unsafe) process.stderr.write(`${unsafeWarning}\n`);
  try {
    const report = await requireStrongExam({
      loaded,
      variant,
      specPath,
      unsafe,
      acceptWeak: options.acceptWeakExam ?? false,
      say: (text) => progress.say(text),
      signal,
    });
    const result = await runGoal({
      loaded,
      variant,
      target,
      agent: options.agent,
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      budget,
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      runsDirectory: resolve(options.runs),
      outputDirectory: resolve(options.output),
      unsafe,
      exam: summaryOf(report),
      onEvent: (event) => {
        events.push(event);
        progress.event(event, Date.parse(event.at), event.run);
      },
      signal,
    });
    progress.close();
    const repeat = { program: commandName(), specPath, variant, target, runs: options.runs };
    if (!options.json) process.stdout.write(`\n${closingText({ ...result, events, repeat, unsafe })}\n`);
    return goalExitCode(result.end, result.directory, options.require, events);
  } finally {
    progress.close();
    signal.removeEventListener("abort", onAbort);
  }
}

function goalExitCode(end: RunEnd, directory: string | null, require: "passed" | "surpassed", events: ForgeEvent[]): ExitCode {
  if (end === "interrupted") return exitCodes.interrupted;
  if (end === "errored") return exitCodes.errored;
  if (directory === null) return exitCodes.failed;
  const surpassed = end === "surpassed" || events.some((event) => event.type === "framework-accepted" && event.outcome === "surpassed");
  return require === "surpassed" && !surpassed ? exitCodes.undecided : exitCodes.ok;
}
