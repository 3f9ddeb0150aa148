import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { commandName } from "./command-name.js";
import { exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";

export function declareInit(program: Command, host: CommandHost): void {
  program
    .command("init")
    .argument("<name>", "the operation or model, in lower-case words joined by '-', e.g. gelu")
    .summary("start a spec of your own: an operation's from a template, a trainer's from a config.json")
    .description(
      "Writes a spec (YAML) and a reference (plain C) that load and pass as they are, for you to turn into your operation; " +
        "with --model those of a trainer for the model that a Hugging Face config.json describes.",
    )
    .option("--into <folder>", "where to write them (default: a folder of that name, here)")
    .option("--model <config.json>", "of a LlamaForCausalLM or MiniCPMForCausalLM: nothing else is needed of the model")
    .addHelpText(
      "after",
      helpText({
        notes: "Files that exist are never overwritten. docs/spec.md explains an operation's spec, docs/trainers.md a trainer's.",
        examples: [
          ["forge init gelu", "Writes gelu/ and says what to do next."],
          ["forge init gelu --into specs/kernels", "Writes them beside the specs that are there."],
          ["forge init my-llama --model my-llama/config.json", "Writes the exam of a trainer for this model, and counts its parameters."],
        ],
        exitCodes: [0, 2, 4],
      }),
    )
    .action(async (name: string, { into = name, model }: { into?: string; model?: string }) => {
      if (model === undefined) {
        const { startSpec } = await import("./start-spec.js");
        process.stdout.write(`${nextSteps(startSpec(name, into))}\n`);
      } else {
        const { startTrainer, trainerSteps } = await import("./start-trainer.js");
        process.stdout.write(`${trainerSteps(startTrainer(name, model, into))}\n`);
      }
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
