/** JSON has no word for these; in Protocol Buffers' JSON mapping they are strings, and so they are in ours. */
const wordsForNumbers = new Map<unknown, number>([
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["NaN", Number.NaN],
  // What plain JSON made of all three: logs of before hold it.
  [null, Number.NaN],
]);

/** Of a verdict's evidence: what a wrong kernel gives, and how far off it is, is often no finite number. */
const evidenceNumbers: ReadonlySet<string> = new Set(["measured", "bound", "timesOver", "expected", "got"]);

/** JSON that keeps the numbers of evidence that are not finite. `replace` sees each value first, as JSON.stringify's does. */
export function exactJson(value: unknown, replace: (value: unknown) => unknown = (inner) => inner): string {
  return JSON.stringify(value, (key, inner: unknown) =>
    evidenceNumbers.has(key) && typeof inner === "number" && !Number.isFinite(inner) ? String(inner) : replace(inner),
  );
}

/** What exactJson wrote: a verdict that went through a file or over the wire is the verdict that was given. */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, (key, inner: unknown) =>
    evidenceNumbers.has(key) && wordsForNumbers.has(inner) ? wordsForNumbers.get(inner) : inner,
  );
}
