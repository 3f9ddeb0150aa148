import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { commandName } from "./command-name.js";
import { exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";

export function declareInit(program: Command, host: CommandHost): void {
  program
    .command("init")
    .argument("<name>", "the operation, in lower-case words joined by '-', e.g. gelu")
    .summary("start a spec of your own from a template")
    .description("Writes a spec (YAML) and a reference (plain C) that load and pass as they are, for you to turn into your operation.")
    .option("--into <folder>", "where to write them (default: a folder of that name, here)")
    .addHelpText(
      "after",
      helpText({
        notes: "Files that exist are never overwritten. docs/spec.md explains every field.",
        examples: [
          ["forge init gelu", "Writes gelu/ and says what to do next."],
          ["forge init gelu --into specs/kernels", "Writes them beside the specs that are there."],
        ],
        exitCodes: [0, 2, 4],
      }),
    )
    .action(async (name: string, options: { into?: string }) => {
      const { startSpec } = await import("./start-spec.js");
      process.stdout.write(`${nextSteps(startSpec(name, options.into ?? name))}\n`);
      host.finish(exitCodes.ok);
    });
}

function nextSteps(written: { spec: string; files: string[] }): string {
  const others = written.files.filter((file) => file !== written.spec);
  return [
    `Wrote ${written.files.join(", ")}. Next:`,
    "They are a working SiLU under your name, until you change them:",
    `  1. edit ${others.join(", ")}: the plainest C that is right`,
    `  2. edit ${written.spec}: summary, source, buffers, sizes, regimes, FLOP and byte formulas (docs/spec.md)`,
    `  3. ${commandName()} goal ${written.spec}`,
    "  4. commit generated/, which is what was accepted, and leave out runs/ (a line `runs/` in .gitignore);",
    `     ${commandName()} gate judges in CI what a change has made of it (docs/gate.md)`,
  ].join("\n");
}
