import fc from "fast-check";
import { expect, test } from "vitest";
import { changedLines, fileChanges } from "../../../harness/dashboard/line-changes.js";

const text = fc.array(fc.constantFrom("a", "b", "c", "d", ""), { maxLength: 30 });

test("what is removed and what stays make the text before, what is added and what stays the text after; no shorter way is missed", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = changedLines(before, after);
      expect(lines.filter(({ kind }) => kind !== "added").map((line) => line.text)).toEqual(before);
      expect(lines.filter(({ kind }) => kind !== "removed").map((line) => line.text)).toEqual(after);
      expect(lines.filter(({ kind }) => kind === "same")).toHaveLength(longestCommon(before, after));
    }),
  );
});

/** By the textbook's table. */
function longestCommon(a: string[], b: string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const left of a) {
    const next = [0];
    for (const [index, right] of b.entries()) next.push(left === right ? row[index]! + 1 : Math.max(row[index + 1]!, next[index]!));
    row = next;
  }
  return row[b.length]!;
}

test("a hunk says where it stands and carries three lines around it; distant changes are two hunks", () => {
  const before = Array.from({ length: 40 }, (_, index) => `line ${index + 1}`);
  const after = before.map((line) => (line === "line 10" || line === "line 30" ? `${line} changed` : line));
  const [change] = fileChanges(new Map([["kernel.c", `${before.join("\n")}\n`]]), new Map([["kernel.c", `${after.join("\n")}\n`]]));
  expect(change).toMatchObject({
    name: "kernel.c",
    state: "changed",
    hunks: [
      { oldStart: 7, newStart: 7 },
      { oldStart: 27, newStart: 27 },
    ],
  });
  if (change?.state !== "changed") throw new Error("nothing changed");
  expect(change.hunks[0]!.lines.map(({ kind }) => kind)).toEqual(["same", "same", "same", "removed", "added", "same", "same", "same"]);
});

test("files that came, went and stayed are told apart", () => {
  const changes = fileChanges(
    new Map([
      ["a", "1\n"],
      ["b", "2\n"],
    ]),
    new Map([
      ["b", "2\n"],
      ["c", "3\n"],
    ]),
  );
  expect(changes.map(({ name, state }) => `${name} ${state}`)).toEqual(["a removed", "b same", "c added"]);
});

test("texts of thousands of lines with nothing in common are answered at once", () => {
  const lines = (word: string) => Array.from({ length: 5000 }, (_, index) => `${word} ${index}`);
  const began = performance.now();
  expect(changedLines(lines("old"), lines("new"))).toHaveLength(10_000);
  expect(performance.now() - began).toBeLessThan(1000);
});
