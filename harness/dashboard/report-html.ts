import { createHash } from "node:crypto";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { exactJson } from "../exact-json.js";
import { forgeVersion } from "../forge-version.js";
import { attemptChange } from "./attempt-change.js";
import type { CodePlaces } from "./attempt-files.js";
import { leanEvent } from "./lean-event.js";
import type { AttemptChange, ReportData, RunRow } from "./page-data.js";
import type { PageFiles } from "./page-files.js";

/** A run with the code of every attempt, as it stands in a report. */
export async function reportData(row: RunRow, events: readonly ForgeEvent[], places: CodePlaces): Promise<ReportData> {
  const changes: Record<string, AttemptChange> = {};
  for (const event of events) {
    if (event.type === "attempt-submitted")
      changes[String(event.attempt)] = await attemptChange({ run: row.run, events, places, attempt: event.attempt });
  }
  return { run: { row, events: events.map(leanEvent) }, changes, madeAt: new Date().toISOString(), forgeVersion: forgeVersion() };
}

/**
 * One file with everything in it: the page's script and style, which the policy admits by their hashes alone, and the run as JSON, in which
 * no character can end the element that holds it.
 */
export function reportHtml(data: ReportData, page: Pick<PageFiles, "script" | "style">): string {
  for (const [text, end] of [
    [page.script, "</script"],
    [page.style, "</style"],
  ] as const)
    if (text.toLowerCase().includes(end)) throw new Error(`the built page holds ${end}, which would end it early: build it again`);
  const policy = `default-src 'none'; script-src '${hashOf(page.script)}'; style-src '${hashOf(page.style)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Forge report</title>
<link rel="icon" href="data:,">
<style>${page.style}</style>
</head>
<body>
<noscript>This report needs JavaScript; what it says stands in it as JSON.</noscript>
<script type="application/json" id="forge-report">${embeddable(data)}</script>
<script type="module">${page.script}</script>
</body>
</html>
`;
}

/** JSON within HTML: no `<` that could begin a tag or a comment, no line separator that old parsers of scripts break at. */
export function embeddable(value: unknown): string {
  return exactJson(value).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
