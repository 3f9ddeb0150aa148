import type { Command } from "commander";
import type { CommandHost } from "./command-host.js";
import { askDesk, callDesk, printReply, requireDesk } from "./desk-client.js";
import type { ExitCode } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { UsageError } from "./usage-error.js";

export function declareSubmit(program: Command, host: CommandHost): void {
  program
    .command("submit")
    .argument("[summary]", "what is new in it, in one line")
    .summary("submit the folder of a waiting goal as an attempt")
    .description(
      "In a folder where a goal waits for work (`forge goal --agent manual` or `command`): has what lies there judged in full, as an attempt " +
        "of that run, and prints the verdict. `forge check` there judges the public cases alone and counts as no attempt.",
    )
    .option("--done", "end the goal instead: its best attempt is accepted")
    .option("--lesson <id...>", "lessons of the playbook that this attempt tries")
    .addHelpText(
      "after",
      helpText({
        examples: [
          ['forge submit "two rows at a time"', "An attempt; a verdict takes some tens of seconds."],
          ["forge submit --done", "Ends the goal."],
        ],
        exitCodes: [0, 1, 2, 4, 130],
      }),
    )
    .action(async (summary: string | undefined, options: { done?: boolean; lesson?: string[] }) =>
      host.finish(await submit(summary, options)),
    );
}

async function submit(summary: string | undefined, { done, lesson }: { done?: boolean; lesson?: string[] }): Promise<ExitCode> {
  const folder = requireDesk();
  if (done) {
    if (summary !== undefined) throw new UsageError("--done ends the goal and submits nothing: submit first, then end it");
    return printReply(await askDesk(folder, { kind: "finish" }));
  }
  if (summary === undefined) throw new UsageError('say in one line what is new in it: forge submit "two rows at a time"');
  return callDesk(folder, "submit", JSON.stringify({ summary, ...(lesson ? { lessons: lesson } : {}) }));
}
