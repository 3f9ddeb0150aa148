#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { packageRoot } from "../package-root.js";
import { declareBench } from "./bench.js";
import { declareCheck } from "./check.js";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { declareGoal } from "./goal.js";
import { helpText } from "./help-text.js";
import { declareInit } from "./init.js";
import { declareLint } from "./lint.js";
import { declareMcp } from "./mcp.js";
import { declareProfile } from "./profile.js";
import { reportError } from "./report-error.js";
import { declareRuns } from "./runs.js";
import { declareShow } from "./show.js";
import { declareSubmit } from "./submit.js";
import { declareTargets } from "./targets.js";

// The only file that ends the process. Commands load what they need when they run, so that --help is instant.

const interruption = new AbortController();
let isInterruptible = false;
let exitCode: ExitCode = exitCodes.ok;

const host: CommandHost = {
  finish(code) {
    exitCode = code;
  },
  interruption() {
    isInterruptible = true;
    return interruption.signal;
  },
};

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (!isInterruptible || interruption.signal.aborted) process.exit(exitCodes.interrupted);
    interruption.abort();
  });
}
// `forge runs | head` closes our output early: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.errored));

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

const program = new Command("forge")
  .description(
    "Has kernels written for one operation and one chip, proves them right, then drives them until they are faster. " +
      "A spec (YAML) is the exam; `forge goal` sits it; `forge check` lets anyone sit it again.",
  )
  .version(version)
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError("Run it with --help to see how it is used.")
  .addHelpText(
    "after",
    helpText({
      examples: [
        ["forge goal specs/kernels/rmsnorm.yaml", "Forges RMSNorm for this machine's CPU, ending with an accepted kernel in generated/."],
        ["forge check generated/rmsnorm/f32/x86-64", "Judges an accepted kernel again, on this machine."],
        ["forge init gelu", "Starts a spec of your own from a template."],
      ],
      exitCodes: [0, 1, 2, 3, 4, 130],
    }),
  );

for (const declare of [
  declareGoal,
  declareCheck,
  declareSubmit,
  declareProfile,
  declareMcp,
  declareTargets,
  declareRuns,
  declareShow,
  declareBench,
  declareInit,
  declareLint,
])
  declare(program, host);

try {
  await program.parseAsync();
} catch (error) {
  // What breaks because it was interrupted is no error.
  exitCode = interruption.signal.aborted ? exitCodes.interrupted : reportError(error);
}
process.exit(exitCode);
