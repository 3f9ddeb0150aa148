import { Type } from "@sinclair/typebox";
import { isTrainerExam } from "../../specs/contracts/trainer-spec.js";
import { markData } from "../prompts/mark-data.js";
import { slowestEntry, verdictFeedback } from "../prompts/verdict-feedback.js";
import { answer, declareTool, refusal, type Tool } from "./tool.js";

const shell = declareTool({
  name: "shell",
  description:
    "Runs a bash command line in the workspace: compilers, objdump, the usual tools. Sandboxed: no network, a minute at most. " +
    "The headers of the goal are on the include path. Text files that it changes stay; build into /tmp.",
  parameters: Type.Object({ command: Type.String({ minLength: 1, maxLength: 8000 }) }, { additionalProperties: false }),
  async run(given, tools) {
    const { output, end, failed } = await tools.shell(given.command);
    return { text: `${output === "" ? "(no output)" : markData("shell", output)}\n[${end}]`, isError: failed };
  },
});

const check = declareTool({
  name: "check",
  description:
    "Judges the workspace on the public cases: rules, build, memory, align. Takes seconds, counts as no attempt, times nothing. " +
    "Use it until it passes, then submit.",
  parameters: Type.Object({}, { additionalProperties: false }),
  run: async (_given, tools) => answer(verdictFeedback(await tools.check(), tools.briefing)),
});

const profile = declareTool({
  name: "profile",
  description:
    "Shows where an entry's time goes at a timed size: share of each function and loop, place below the roofline, the compiler's " +
    "report on vectorisation, the assembly of the hottest loop. Of a trainer: where a step's time goes, whatever entry is named.",
  parameters: Type.Object(
    {
      entry: Type.String({ description: "Name of the entry, as in the header." }),
      timed_size: Type.Optional(Type.Integer({ minimum: 0, description: "Index among the timed sizes; 0 where absent." })),
    },
    { additionalProperties: false },
  ),
  async run(given, tools) {
    const { loaded } = tools.briefing;
    if (isTrainerExam(loaded)) return answer(markData("profile", await tools.profile("trainer_step", 0)));
    const { spec } = loaded;
    if (!Object.hasOwn(spec.entries, given.entry))
      return refusal(`there is no entry ${JSON.stringify(given.entry)}; there are: ${Object.keys(spec.entries).join(", ")}`);
    const size = given.timed_size ?? 0;
    if (size >= spec.cases.timed.length) return refusal(`timed_size goes from 0 to ${spec.cases.timed.length - 1}`);
    // Names, remarks and source lines in it come from the candidate and the compiler.
    return answer(markData("profile", await tools.profile(given.entry, size)));
  },
});

const notes = declareTool({
  name: "notes",
  description:
    "Your memory: without `text` reads it, with `text` replaces it. It outlives the conversation, which may be cut when it grows long. " +
    "Write down what you tried, what it gave, and what you mean to try.",
  parameters: Type.Object({ text: Type.Optional(Type.String({ maxLength: 20_000 })) }, { additionalProperties: false }),
  run(given, tools) {
    if (given.text === undefined) return answer(tools.readNotes() || "(no notes yet)");
    tools.writeNotes(given.text);
    return answer("noted");
  },
});

const submit = declareTool({
  name: "submit",
  description:
    "Submits the workspace as an attempt: judged in full, with hidden cases drawn anew, and timed against the baseline if it is right. " +
    "Attempts are limited. Say in one line what is new in it.",
  parameters: Type.Object(
    {
      summary: Type.String({ minLength: 1, maxLength: 300, description: "What was changed and why, in one line." }),
      lessons: Type.Optional(
        Type.Array(Type.String(), { maxItems: 8, description: "Ids of lessons of the playbook that this attempt tries." }),
      ),
    },
    { additionalProperties: false },
  ),
  async run(given, tools) {
    const { attempt, verdict, direction } = await tools.submit(given.summary, given.lessons);
    const slowest = slowestEntry(verdict, tools.briefing);
    const parts = [`Attempt ${attempt}: ${verdictFeedback(verdict, tools.briefing)}`];
    if (direction !== null) parts.push(direction);
    if (slowest !== null && tools.budgetLeft()) {
      const where = await tools.profile(slowest.entry, slowest.timedSize).catch((error: unknown) => `no profile: ${String(error)}`);
      parts.push(`Where the time of ${slowest.entry} goes, in the workspace as it now stands:\n${markData("profile", where)}`);
    }
    return answer(parts.join("\n\n"));
  },
});

export const workTools: Tool[] = [shell, check, profile, notes, submit];
