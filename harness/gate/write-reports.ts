import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { jsonText } from "../report/escape-text.js";
import { gateText } from "./gate-text.js";
import { githubAnnotations, withoutCommands } from "./github-annotations.js";
import { junitXml } from "./junit-xml.js";
import { keepReport } from "./last-gate.js";
import { markdownSummary } from "./markdown-summary.js";
import type { GateResult } from "./run-gate.js";

export interface ReportOptions {
  runs: string;
  junit?: string;
  markdown?: string;
  github: boolean;
  json: boolean;
  out: NodeJS.WriteStream;
  /** Annotations go here where `out` belongs to the JSON. */
  aside: NodeJS.WriteStream;
}

/** Every form of the report that was asked for. */
export function writeReports({ report, notes }: GateResult, options: ReportOptions): void {
  keepReport(resolve(options.runs), report);
  if (options.junit !== undefined) writeNew(options.junit, junitXml(report));
  if (options.markdown !== undefined) writeNew(options.markdown, markdownSummary(report, notes));
  if (options.json) options.out.write(`${jsonText(report)}\n`);
  else {
    const text = gateText(report, notes, options.out.isTTY === true && !process.env.NO_COLOR);
    options.out.write(`${options.github ? withoutCommands(text) : text}\n`);
  }
  if (options.github) for (const line of githubAnnotations(report)) (options.json ? options.aside : options.out).write(`${line}\n`);
}

function writeNew(path: string, text: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, text);
}
