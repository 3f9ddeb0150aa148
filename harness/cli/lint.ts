import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { requireVariant } from "./require-known.js";

interface LintCommandOptions {
  variant?: string;
  again?: boolean;
  ship?: boolean;
  json?: boolean;
  unsafeNoSandbox?: boolean;
}

export function declareLint(program: Command, host: CommandHost): void {
  program
    .command("lint")
    .argument("<spec>", "the exam to examine")
    .summary("examine an exam: would its gates notice a wrong kernel?")
    .description(
      "Plants mistakes in the spec's reference, one at a time: those of the spec's own list (mutants/<name>.yaml beside it), and one for every " +
        "operator, constant, index and bound. Each mutant sits the exam on correctness as a candidate would. What does not build or crashes is " +
        "not counted; a survivor that is bitwise the reference in float64 on 1,000 cases is equivalent; every other one is shown as a diff.",
    )
    .option("--variant <name>", "storage types, or `all`", "all")
    .option("--again", "examine it although a report on exactly this exam is there")
    .option("--ship", "keep the reports in specs/exams too, for Forge's own specs")
    .option("--json", "print the reports, one JSON object a line")
    .option("--unsafe-no-sandbox", "build and run the mutants without bubblewrap, with your rights")
    .addHelpText(
      "after",
      helpText({
        notes:
          "A strong exam notices every mistake of the list and 95 % of the generated ones. `forge goal` refuses a weaker one unless told\n" +
          "--accept-weak-exam. To strengthen one: more or odder sizes, more regimes, values that matter for every parameter.",
        examples: [
          ["forge lint specs/kernels/rmsnorm.yaml", "Both variants, with every survivor as a diff."],
          ["forge lint my/gelu.yaml --variant f32 --again", "After the spec was changed back and forth."],
        ],
        exitCodes: [0, 1, 2, 4, 130],
      }),
    )
    .action(async (spec: string, options: LintCommandOptions) => host.finish(await lint(spec, options, host.interruption())));
}

async function lint(specPath: string, options: LintCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const [{ loadSpec }, { examineOrFind }, { shipReport }, { weaknessesOf }, { reportText }] = await Promise.all([
    import("../../specs/load-spec.js"),
    import("../lint/examine-or-find.js"),
    import("../lint/exam-archive.js"),
    import("../lint/exam-report.js"),
    import("../lint/report-text.js"),
  ]);
  const loaded = loadSpec(specPath);
  const variants = options.variant === "all" || options.variant === undefined ? Object.keys(loaded.spec.variants) : [options.variant];
  let isWeak = false;
  for (const variant of variants) {
    requireVariant(loaded, variant);
    const report = await examineOrFind({
      loaded,
      variant,
      unsafe: options.unsafeNoSandbox ?? false,
      again: options.again ?? false,
      say: (text) => process.stderr.write(`${text}\n`),
      signal,
    });
    if (options.ship) shipReport(report);
    isWeak ||= weaknessesOf(report).length > 0;
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${reportText(report)}\n\n`);
  }
  return isWeak ? exitCodes.failed : exitCodes.ok;
}
