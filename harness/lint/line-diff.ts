/** The lines that differ between two texts, as a unified diff shows them; one change in one place is assumed. */
export function lineDiff(before: string, after: string): string[] {
  const left = before.split("\n");
  const right = after.split("\n");
  let head = 0;
  while (head < Math.min(left.length, right.length) && left[head] === right[head]) head++;
  let tail = 0;
  while (tail < Math.min(left.length, right.length) - head && left.at(-1 - tail) === right.at(-1 - tail)) tail++;
  return [
    `@@ line ${head + 1} @@`,
    ...left.slice(head, left.length - tail).map((line) => `-${line}`),
    ...right.slice(head, right.length - tail).map((line) => `+${line}`),
  ];
}
