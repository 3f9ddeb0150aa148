import { Type } from "@sinclair/typebox";
import type { AgentTools } from "../../specs/contracts/agent.js";
import { answer, declareTool, refusal, type Tool } from "./tool.js";

const name = Type.String({ minLength: 1, maxLength: 200, description: "Path relative to the workspace, e.g. kernel.c or forge.json." });
const mostLines = 400;
const mostMatches = 60;

function missing(tools: AgentTools, wanted: string): string {
  const names = tools.workspace.list().map((file) => file.name);
  return `there is no file ${JSON.stringify(wanted)} in the workspace; there are: ${names.join(", ") || "none yet"}`;
}

const listFiles = declareTool({
  name: "list",
  description: "Lists the files of the workspace with their sizes in bytes.",
  parameters: Type.Object({}, { additionalProperties: false }),
  run: (_given, { workspace }) =>
    answer(
      workspace
        .list()
        .map((file) => `${file.name}  ${file.bytes}`)
        .join("\n") || "the workspace is empty",
    ),
});

const readFile = declareTool({
  name: "read",
  description: `Reads a file of the workspace, at most ${mostLines} lines at a time, each with its number.`,
  parameters: Type.Object(
    { name, first_line: Type.Optional(Type.Integer({ minimum: 1, description: "Where to begin; 1 where absent." })) },
    { additionalProperties: false },
  ),
  run(given, tools) {
    const text = tools.workspace.read(given.name);
    if (text === null) return refusal(missing(tools, given.name));
    const lines = text.split("\n");
    const first = (given.first_line ?? 1) - 1;
    const shown = lines.slice(first, first + mostLines).map((line, index) => `${first + index + 1}\t${line}`);
    const left = lines.length - first - shown.length;
    return answer(
      left > 0 ? `${shown.join("\n")}\n[${left} more lines; read on with first_line ${first + shown.length + 1}]` : shown.join("\n"),
    );
  },
});

const writeFile = declareTool({
  name: "write",
  description: "Writes a whole file of the workspace: a new one, or in place of the old one.",
  parameters: Type.Object({ name, text: Type.String({ description: "The whole content." }) }, { additionalProperties: false }),
  run(given, { workspace }) {
    workspace.write(given.name, given.text);
    return answer(`wrote ${given.name}, ${given.text.split("\n").length} lines`);
  },
});

const editFile = declareTool({
  name: "edit",
  description: "Replaces one piece of a file. `old` must stand in the file exactly once, letter by letter with its indentation.",
  parameters: Type.Object({ name, old: Type.String({ minLength: 1 }), new: Type.String() }, { additionalProperties: false }),
  run(given, tools) {
    const text = tools.workspace.read(given.name);
    if (text === null) return refusal(missing(tools, given.name));
    const count = text.split(given.old).length - 1;
    if (count !== 1)
      return refusal(
        count === 0
          ? `\`old\` does not stand in ${given.name}: read the file again and copy the piece exactly`
          : `\`old\` stands in ${given.name} ${count} times: take more lines around it, so that it is there once`,
      );
    const at = text.indexOf(given.old);
    tools.workspace.write(given.name, text.slice(0, at) + given.new + text.slice(at + given.old.length));
    return answer(`replaced the piece at line ${text.slice(0, at).split("\n").length} of ${given.name}`);
  },
});

const removeFile = declareTool({
  name: "remove",
  description: "Removes a file from the workspace.",
  parameters: Type.Object({ name }, { additionalProperties: false }),
  run: (given, tools) => (tools.workspace.remove(given.name) ? answer(`removed ${given.name}`) : refusal(missing(tools, given.name))),
});

const searchFiles = declareTool({
  name: "search",
  description: "Lists the lines of the workspace that contain a text, upper and lower case alike.",
  parameters: Type.Object({ text: Type.String({ minLength: 1, maxLength: 200 }) }, { additionalProperties: false }),
  run(given, { workspace }) {
    const wanted = given.text.toLowerCase();
    const matches = workspace.list().flatMap((file) =>
      workspace
        .read(file.name)!
        .split("\n")
        .flatMap((line, index) => (line.toLowerCase().includes(wanted) ? [`${file.name}:${index + 1}: ${line.slice(0, 200)}`] : [])),
    );
    if (matches.length === 0) return answer("no line contains it");
    const more = matches.length > mostMatches ? `\n[${matches.length - mostMatches} more]` : "";
    return answer(matches.slice(0, mostMatches).join("\n") + more);
  },
});

export const fileTools: Tool[] = [listFiles, readFile, writeFile, editFile, removeFile, searchFiles];
