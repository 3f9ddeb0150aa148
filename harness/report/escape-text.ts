import { exactJson } from "../exact-json.js";

/**
 * Control characters (C0, DEL, C1), marks that reorder text (Trojan Source, CVE-2021-42574), line separators, invisible joiners
 * and lone surrogates: what could move the cursor, hide text or forge a line on a terminal.
 */
const dangerous = /[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

const shortForms: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text from generated code, compilers or agents, fit to be shown in one line: what a terminal would act on is spelled out. */
export function escapeText(text: string): string {
  return text.replace(dangerous, (character) => shortForms[character] ?? spelledOut(character));
}

/** One line of JSON in which what a terminal would act on is spelled out too: JSON itself asks that of the C0 characters only. */
export function jsonText(value: unknown): string {
  return exactJson(value).replace(dangerous, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** As escapeText, for text of several lines: line ends stay, tabs become spaces. */
export function escapeLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => escapeText(line.replaceAll("\t", "  ")))
    .join("\n");
}

function spelledOut(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return point < 0x100 ? `\\x${point.toString(16).padStart(2, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`;
}
