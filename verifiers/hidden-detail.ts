/**
 * What may be told of a crash on a hidden case. A status, a value in a sanitizer's report or the place of an overrun could hold a
 * size or an index, by chance or because the code put it there; file and line stay. What a code line it dies on can tell does too.
 */
export function withoutNumbers(detail: string): string {
  return detail.replace(/(?<![\w.:])-?(?:0x[0-9a-f]+|\d+(?:\.\d+)?)(?![\w:])/gi, "…");
}
