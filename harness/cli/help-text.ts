import { type ExitCode, exitCodeMeanings } from "./exit-codes.js";

export interface HelpParts {
  /** Command lines, each with what it does. */
  examples: [command: string, what: string][];
  exitCodes: ExitCode[];
  /** Further paragraphs, before the examples. */
  notes?: string;
}

/** What stands below the options in every `--help`. */
export function helpText(parts: HelpParts): string {
  const examples = parts.examples.map(([command, what]) => `  $ ${command}\n      ${what}`);
  const codes = parts.exitCodes.map((code) => `  ${String(code).padEnd(4)} ${exitCodeMeanings[code]}`);
  const notes = parts.notes ? `\n${parts.notes}\n` : "";
  return `${notes}\nExamples:\n${examples.join("\n")}\n\nExit codes:\n${codes.join("\n")}\n`;
}
