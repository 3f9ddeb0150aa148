import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { packageRoot } from "../package-root.js";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { reportError } from "./report-error.js";

export interface ProgramParts {
  name: string;
  description: string;
  /** Below the commands in `--help`. */
  help: string;
  commands: ((program: Command, host: CommandHost) => void)[];
  /** Ends the process. */
  exit: (code: ExitCode) => never;
}

/** Reads the command line and runs one command. The first Ctrl-C asks a command that can end in order to do so. */
export async function runProgram({ name, description, help, commands, exit }: ProgramParts): Promise<never> {
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
      if (!isInterruptible || interruption.signal.aborted) exit(exitCodes.interrupted);
      interruption.abort();
    });
  }
  // `forge runs | head` closes our output early: that is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.errored));

  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  const program = new Command(name)
    .description(description)
    .version(version)
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("Run it with --help to see how it is used.")
    .addHelpText("after", help);
  for (const declare of commands) declare(program, host);
  try {
    await program.parseAsync();
  } catch (error) {
    // What breaks because it was interrupted is no error.
    exitCode = interruption.signal.aborted ? exitCodes.interrupted : reportError(error);
  }
  return exit(exitCode);
}
