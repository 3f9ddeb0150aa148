/** Colours, bells and what else would act on a terminal; tabs and line ends stay. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const controls = /\u001b\[[0-9;?]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** What a candidate's code or compiler printed, as plain text of at most this many characters. */
export function printedText(printed: Uint8Array | string, maximumCharacters: number): string {
  const text = typeof printed === "string" ? printed : new TextDecoder("utf-8").decode(printed.subarray(0, 4 * maximumCharacters));
  const clean = text.slice(0, 4 * maximumCharacters).replace(controls, "");
  return wellFormed(clean.length > maximumCharacters ? `${clean.slice(0, maximumCharacters)}…` : clean);
}

/** Halves of surrogate pairs, which no encoder takes, become the replacement character. */
const wellFormed = (text: string): string => Buffer.from(text, "utf8").toString("utf8");
