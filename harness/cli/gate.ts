import type { Command } from "commander";
import type { GateOutcome } from "../../specs/contracts/gate.js";
import type { CommandHost } from "./command-host.js";
import { commandName } from "./command-name.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { positiveInteger } from "./option-values.js";
import { requireTarget } from "./require-known.js";

interface GateCommandOptions {
  all?: boolean;
  base?: string;
  target?: string;
  generated: string;
  runs: string;
  threads?: number;
  correctnessOnly?: boolean;
  requireAllTargets?: boolean;
  junit?: string;
  markdown?: string;
  github?: boolean;
  json?: boolean;
  unsafeNoSandbox?: boolean;
}

export function declareGate(program: Command, host: CommandHost): void {
  program
    .command("gate")
    .argument("[paths...]", "accepted folders, or folders above them, to judge whether they changed or not")
    .summary("judge what stands in generated/: the gate of a CI")
    .description(
      "Judges accepted kernels against their specs on the chips that are here: those that changed under git since the base (they, their " +
        "spec or their reference; uncommitted changes count) and those whose certificate is stale. Correctness as in `forge check`; speed " +
        "against the baseline and against the code of before, run beside it now. Certificates are not rewritten.",
    )
    .option("--all", "every accepted folder")
    .option("--base <ref>", "what changed since HEAD left this ref (default: origin's default branch; on it, HEAD~1)")
    .option("--target <names>", "only these chips, joined by commas (see `forge targets`)")
    .option("--generated <folder>", "where accepted code lies", "generated")
    .option("--runs <folder>", "the report is kept in gate/last.json there", "runs")
    .option("--threads <count>", "threads the code may use (default: as certified, as far as there are cores)", positiveInteger)
    .option("--correctness-only", "do not time anything: for machines that others use")
    .option(
      "--require-all-targets",
      "fail where a folder's chip, or an extension it was certified with, is not here, instead of skipping it",
    )
    .option("--junit <file>", "write the report as JUnit XML")
    .option("--markdown <file>", "write the report as Markdown, e.g. to $GITHUB_STEP_SUMMARY")
    .option("--github", "print GitHub annotations too (default: where GITHUB_ACTIONS=true)")
    .option("--json", "print the report as one JSON object")
    .option("--unsafe-no-sandbox", "build and run the code without bubblewrap, with your rights")
    .addHelpText(
      "after",
      helpText({
        notes:
          "0 also where nothing was to be judged, which is said. 1: a folder failed, whatever else errored; 4: none failed, but one could not be judged.\n" +
          "docs/gate.md has the rules, what they miss, and how to run it in GitHub Actions and GitLab.",
        examples: [
          ["forge gate", "What this branch changed."],
          ["forge gate --all --junit gate.xml", "Everything, with a report that CI systems show."],
          ["forge gate generated/rmsnorm --target x86-64", "One spec's kernels for one chip."],
          ["forge gate --base origin/release --correctness-only", "A quick look on a shared machine."],
        ],
        exitCodes: [0, 1, 2, 4, 130],
      }),
    )
    .action(async (paths: string[], options: GateCommandOptions) => host.finish(await gate(paths, options, host.interruption())));
}

async function gate(paths: string[], options: GateCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const [{ runGate }, { targetNames }, { writeReports }, { withoutCommands }, { escapeText }, { unsafeWarning }] = await Promise.all([
    import("../gate/run-gate.js"),
    import("../targets.js"),
    import("../gate/write-reports.js"),
    import("../gate/github-annotations.js"),
    import("../report/escape-text.js"),
    import("../report/unsafe-text.js"),
  ]);
  const targets = options.target === undefined || options.target === "all" ? null : options.target.split(",").map((name) => name.trim());
  for (const target of targets ?? []) requireTarget(targetNames, target);
  if (options.unsafeNoSandbox) process.stderr.write(`${unsafeWarning}\n`);
  const say = (line: string) => process.stderr.write(`${withoutCommands(escapeText(line))}\n`);
  const result = await runGate({
    paths,
    targets,
    say,
    signal,
    generated: options.generated,
    all: options.all ?? false,
    ...(options.base === undefined ? {} : { base: options.base }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    correctnessOnly: options.correctnessOnly ?? false,
    requireAllTargets: options.requireAllTargets ?? false,
    unsafe: options.unsafeNoSandbox ?? false,
    program: commandName(),
    onSelected: ({ selection, folders, among }) => {
      const by =
        selection.kind === "changed" ? `changed since ${selection.base.slice(0, 10)} (${selection.baseName}), or stale` : selection.kind;
      say(`${folders.length} of ${among} accepted folder(s) to judge: ${by}`);
    },
  });
  writeReports(result, {
    runs: options.runs,
    ...(options.junit === undefined ? {} : { junit: options.junit }),
    ...(options.markdown === undefined ? {} : { markdown: options.markdown }),
    github: options.github ?? process.env.GITHUB_ACTIONS === "true",
    json: options.json ?? false,
    out: process.stdout,
    aside: process.stderr,
  });
  return exitCodeOf[result.report.outcome];
}

const exitCodeOf: Record<GateOutcome, ExitCode> = {
  held: exitCodes.ok,
  "nothing-judged": exitCodes.ok,
  failed: exitCodes.failed,
  errored: exitCodes.errored,
  interrupted: exitCodes.interrupted,
};
