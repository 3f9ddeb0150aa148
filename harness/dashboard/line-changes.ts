export interface ChangedLine {
  kind: "same" | "added" | "removed";
  text: string;
}

/** A stretch of changed lines with what stands around it; line numbers count from 1. */
export interface Hunk {
  oldStart: number;
  newStart: number;
  lines: ChangedLine[];
}

export type FileChange = { name: string; state: "added" | "removed" | "changed"; hunks: Hunk[] } | { name: string; state: "same" };

const contextLines = 3;
/** Texts that differ in more than this are told as replaced: the search for the least change grows with its square. */
const largestSearch = 1000;

/** File by file in the order of their names, what is different. */
export function fileChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): FileChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.map((name) => {
    const [old, fresh] = [before.get(name), after.get(name)];
    if (old === fresh) return { name, state: "same" };
    const state = old === undefined ? "added" : fresh === undefined ? "removed" : "changed";
    return { name, state, hunks: hunksOf(changedLines(linesOf(old), linesOf(fresh))) };
  });
}

function linesOf(text: string | undefined): string[] {
  if (text === undefined || text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

/** A shortest sequence of removals and additions (Myers 1986, "An O(ND) difference algorithm"). */
export function changedLines(before: readonly string[], after: readonly string[]): ChangedLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < Math.min(before.length, after.length) - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const same = (lines: readonly string[]) => lines.map((text): ChangedLine => ({ kind: "same", text }));
  return [
    ...same(before.slice(0, head)),
    ...changedMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ];
}

function changedMiddle(before: readonly string[], after: readonly string[]): ChangedLine[] {
  const trace = searchTrace(before, after);
  if (trace === null)
    return [
      ...before.map((text): ChangedLine => ({ kind: "removed", text })),
      ...after.map((text): ChangedLine => ({ kind: "added", text })),
    ];
  const lines: ChangedLine[] = [];
  let x = before.length;
  let y = after.length;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = (diagonal: number) => trace[edits]![diagonal + edits + 1] ?? 0;
    const diagonal = x - y;
    const comesDown = diagonal === -edits || (diagonal !== edits && reach(diagonal - 1) < reach(diagonal + 1));
    const before0 = comesDown ? diagonal + 1 : diagonal - 1;
    const x0 = edits === 0 ? 0 : reach(before0);
    const y0 = edits === 0 ? 0 : x0 - before0;
    while (x > x0 && y > y0) {
      lines.push({ kind: "same", text: before[x - 1]! });
      x--;
      y--;
    }
    if (edits > 0) lines.push(comesDown ? { kind: "added", text: after[y - 1]! } : { kind: "removed", text: before[x - 1]! });
    x = x0;
    y = y0;
  }
  return lines.reverse();
}

/** For each number of edits, how far along `before` each diagonal was reached before that edit; null where it takes too many. */
function searchTrace(before: readonly string[], after: readonly string[]): Int32Array[] | null {
  const trace: Int32Array[] = [];
  let reached = new Int32Array(3);
  for (let edits = 0; edits <= Math.min(before.length + after.length, largestSearch); edits++) {
    trace.push(reached);
    const next = new Int32Array(2 * edits + 5);
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const at = (other: number) => reached[other + edits + 1] ?? 0;
      const comesDown = diagonal === -edits || (diagonal !== edits && at(diagonal - 1) < at(diagonal + 1));
      let x = edits === 0 ? 0 : comesDown ? at(diagonal + 1) : at(diagonal - 1) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
      next[diagonal + edits + 2] = x;
      if (x >= before.length && x - diagonal >= after.length) return trace;
    }
    reached = next;
  }
  return null;
}

function hunksOf(lines: readonly ChangedLine[]): Hunk[] {
  const hunks: Hunk[] = [];
  let open: Hunk | null = null;
  let sinceChange = 0;
  let [oldLine, newLine] = [1, 1];
  lines.forEach((line, index) => {
    if (line.kind !== "same" && open === null) {
      const before = lines.slice(Math.max(0, index - contextLines), index);
      open = { oldStart: oldLine - before.length, newStart: newLine - before.length, lines: [...before] };
      hunks.push(open);
    }
    sinceChange = line.kind === "same" ? sinceChange + 1 : 0;
    open?.lines.push(line);
    // Two stretches nearer than their surroundings are one.
    if (open !== null && sinceChange > 2 * contextLines) {
      (open as Hunk).lines.splice(-(sinceChange - contextLines));
      open = null;
    }
    if (line.kind !== "added") oldLine++;
    if (line.kind !== "removed") newLine++;
  });
  if (open !== null && sinceChange > contextLines) (open as Hunk).lines.splice(-(sinceChange - contextLines));
  return hunks;
}
