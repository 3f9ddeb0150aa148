import type { SourceRange } from "../../specs/contracts/profile.js";

/** An instruction's place in the source; null where the compiler made it up. */
export type SourceLine = { file: string; line: number } | null;

/** From the first to the last line of the file that most of the places are in; null where there are none. */
export function rangeOf(places: SourceLine[]): SourceRange | null {
  const byFile = new Map<string, number[]>();
  for (const place of places) {
    if (place === null || place.line === 0) continue;
    const lines = byFile.get(place.file) ?? [];
    lines.push(place.line);
    byFile.set(place.file, lines);
  }
  const [file, lines] = [...byFile].sort((a, b) => b[1].length - a[1].length)[0] ?? [];
  if (file === undefined || lines === undefined) return null;
  const ascending = lines.sort((a, b) => a - b);
  return { file, firstLine: ascending[0]!, lastLine: ascending.at(-1)! };
}
