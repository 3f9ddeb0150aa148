import type { Remark, SourceRange } from "../../specs/contracts/profile.js";
import { printedText } from "./printed-text.js";

const maximumRemarks = 24;
const maximumTextLength = 300;

/** A file as the candidate names it, whatever the compiler put before it. */
export const candidateFile = (path: string): string => path.replace(/^(\/source|\/src)\//, "").replace(/^(\.\/)+/, "");

/** gcc's -fopt-info lines and clang's -Rpass remarks: `file:line:column: optimized|missed|remark: text`. */
const remarkLine = /^([^\s:][^:]*):(\d+):(?:\d+:)? (optimized|missed|remark):\s+(.*)$/;
/** Details of single statements, of which gcc has one for nearly each. */
const chatter =
  /no vectype for stmt|statement clobbers memory|basic block|not vectorized, no|^unsupported (?:data-type|SLP)|interleaving is not beneficial/;

/** The vectorisation remarks in a compiler's log, in the order of the source. */
export function parseRemarks(log: string): Remark[] {
  const seen = new Set<string>();
  const remarks: Remark[] = [];
  for (const printed of log.split("\n")) {
    const [, file, line, category, said] = remarkLine.exec(printed) ?? [];
    if (file === undefined || file.startsWith("/usr/") || chatter.test(said!)) continue;
    const text = printedText(said!.replace(/ \[-Rpass[^\]]*\]$/, ""), maximumTextLength);
    const kind = category === "optimized" || /^(?:vectorized|SLP vectorized)/i.test(text) ? "vectorised" : "missed";
    const key = `${file}:${line}:${text}`;
    if (seen.has(key)) continue;
    seen.add(key);
    remarks.push({ file: printedText(candidateFile(file), 200), line: Number(line), kind, text });
  }
  return withoutBareVerdicts(remarks);
}

/** "loop not vectorized" alone says nothing where the same line has a reason. */
function withoutBareVerdicts(remarks: Remark[]): Remark[] {
  const bare = /^(?:loop not vectorized|couldn't vectorize loop)$/;
  return remarks.filter(
    (remark) =>
      !bare.test(remark.text) ||
      !remarks.some(({ file, line, kind, text }) => file === remark.file && line === remark.line && kind === "missed" && !bare.test(text)),
  );
}

/** Those within the given ranges, the lines that cost most first; bounded. */
export function remarksWithin(remarks: Remark[], ranges: SourceRange[], shareOf: (file: string, line: number) => number): Remark[] {
  return remarks
    .filter(({ file, line }) => ranges.some((range) => range.file === file && line >= range.firstLine && line <= range.lastLine))
    .map((remark) => ({ remark, share: shareOf(remark.file, remark.line) }))
    .sort((a, b) => b.share - a.share)
    .slice(0, maximumRemarks)
    .map(({ remark }) => remark);
}
