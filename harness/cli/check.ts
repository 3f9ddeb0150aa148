import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Verdict } from "../../specs/contracts/verdict.js";
import type { CommandHost } from "./command-host.js";
import { callDesk, findDesk } from "./desk-client.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { positiveInteger } from "./option-values.js";
import { requireTarget, requireVariant } from "./require-known.js";
import { UsageError } from "./usage-error.js";

interface CheckCommandOptions {
  spec?: string;
  variant?: string;
  target?: string;
  threads?: number;
  quick?: boolean;
  require: "passed" | "surpassed";
  json?: boolean;
  unsafeNoSandbox?: boolean;
}

export function declareCheck(program: Command, host: CommandHost): void {
  program
    .command("check")
    .argument("[folder]", "the code to judge: sources and forge.json; left out in a folder where a goal waits for work")
    .summary("judge a folder against a spec: how anyone gets a verdict")
    .description(
      "Judges the code in a folder exactly as an agent's attempt is judged: rules, build, memory, align, determinism, speed, confirmation " +
        "(of a trainer the ladder of docs/trainers.md), " +
        "stopping at the first failure. Hidden cases are drawn anew each time. Nothing in the folder is changed.",
    )
    .option("--spec <file>", "the exam (default: from the folder's certificate.json, else from its path)")
    .option("--variant <name>", "storage types (default: likewise)")
    .option("--target <name>", "chip (default: likewise)")
    .option("--threads <count>", "threads the code may use (default: what the target recommends here)", positiveInteger)
    .option("--quick", "public cases only, no speed: seconds, for use while writing")
    .addOption(new Option("--require <outcome>", "what counts as success").choices(["passed", "surpassed"]).default("passed"))
    .option("--json", "print the event stream, one JSON object a line; the last one holds the verdict")
    .option("--unsafe-no-sandbox", "build and run the code without bubblewrap, with your rights")
    .addHelpText(
      "after",
      helpText({
        notes:
          "A path that ends in <spec>/<variant>/<target>, as under generated/, names all three by itself.\n" +
          "Certified code that does not build here, or dies of an illegal instruction, on a machine that lacks extensions of the certified one: 4.",
        examples: [
          ["forge check", "In the folder of a waiting goal (`forge goal --agent manual`): the public cases, no attempt."],
          ["forge check generated/rmsnorm/f32/x86-64", "Judges what was accepted, with fresh hidden cases, on this machine."],
          ["forge check my-kernel --spec specs/kernels/rmsnorm.yaml --variant f32 --quick", "A quick look at code that you are writing."],
          [
            "forge check my-trainer --spec specs/models/minicpm-tiny.yaml --variant f32 --quick",
            "A trainer climbs the ladder of docs/trainers.md.",
          ],
          [
            "forge check my-kernel --spec my/gelu.yaml --variant f32 --require surpassed --json",
            "A gate for CI: exit 3 where it is right but no faster.",
          ],
        ],
        exitCodes: [0, 1, 2, 3, 4, 130],
      }),
    )
    .action(async (folder: string | undefined, options: CheckCommandOptions) => {
      const desk = options.spec === undefined && (folder === undefined || folder === ".") ? findDesk() : null;
      if (desk !== null) return host.finish(await callDesk(desk, "check", "{}"));
      if (folder === undefined) throw new UsageError("name the folder to judge: one with sources and forge.json");
      host.finish(await check(folder, options, host.interruption()));
    });
}

async function check(folder: string, options: CheckCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const { compareWithCertificate, describeFolder } = await import("./describe-folder.js");
  const described = describeFolder(folder, options);
  const [
    { loadExam },
    { checkFolder },
    { machineHere },
    { missingExtensionsOf, missingText },
    { targetNames },
    { openProgress },
    { verdictText },
    { unsafeRemark, unsafeWarning },
  ] = await Promise.all([
    import("../../specs/trainer/load-trainer-spec.js"),
    import("../check-folder.js"),
    import("../machine-here.js"),
    import("../missing-extensions.js"),
    import("../targets.js"),
    import("../progress/open-progress.js"),
    import("../progress/verdict-text.js"),
    import("../report/unsafe-text.js"),
  ]);
  const loaded = loadExam(described.specPath);
  requireVariant(loaded, described.variant);
  requireTarget(targetNames, described.target);
  const certified = compareWithCertificate(folder, loaded);
  if (certified !== null) process.stderr.write(`${certified}\n`);
  const unsafe = options.unsafeNoSandbox ?? false;
  if (unsafe) process.stderr.write(`${unsafeWarning}\n`);
  const machine = certified === null ? null : await machineHere(described.target, { unsafe });
  const missing = machine === null ? null : missingExtensionsOf(folder, loaded, machine);
  if (missing !== null) process.stderr.write(`It was ${missingText(missing)}: ${lackMeaning}\n`);
  const progress = openProgress(process.stdout, options.json ?? false);
  let isJudged = false;
  try {
    const verdict = await checkFolder({
      folder: resolve(folder),
      loaded,
      variant: described.variant,
      target: described.target,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      quick: options.quick ?? false,
      unsafe,
      missing,
      onEvent: (event) => {
        isJudged ||= event.type === "attempt-judged";
        progress.event(event, Date.now(), null);
      },
      signal,
    });
    // Whoever reads the stream gets the verdict as its last object.
    if (!isJudged) progress.event({ type: "attempt-judged", attempt: 0, verdict, bestRatio: null }, Date.now(), null);
    progress.close();
    if (!options.json) process.stdout.write(`\n${verdictText(verdict)}\n${unsafe ? `${unsafeRemark}\n` : ""}`);
    return signal.aborted ? exitCodes.interrupted : verdictExitCode(verdict, options.require);
  } finally {
    progress.close();
  }
}

const lackMeaning = "where it does not build here, or dies of an illegal instruction, that says nothing of the code.";

function verdictExitCode(verdict: Verdict, require: "passed" | "surpassed"): ExitCode {
  switch (verdict.outcome) {
    case "failed":
      return exitCodes.failed;
    case "errored":
      return exitCodes.errored;
    case "passed":
      return require === "surpassed" ? exitCodes.undecided : exitCodes.ok;
    case "surpassed":
      return exitCodes.ok;
  }
}
