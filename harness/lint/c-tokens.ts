/** A word, a number or an operator of C, with its place in the text. */
export interface Token {
  kind: "identifier" | "number" | "operator";
  text: string;
  start: number;
  end: number;
}

const longOperators = "<<= >>= -> ++ -- << >> <= >= == != && || += -= *= /= %= &= |= ^=".split(" ");
const identifier = /[A-Za-z_]\w*/y;
const numeral = /(?:0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[uUlLfF]*/y;
/** Comments, strings and characters hold no code; of the preprocessor's lines only what a macro stands for does. */
const skipped =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|^[ \t]*#[ \t]*define[ \t]+\w+(?:\([^)]*\))?|^[ \t]*#[^\n]*|\s+/my;

/** The tokens of a C source; what a `#define` stands for included. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  const take = (kind: Token["kind"], found: string) => tokens.push({ kind, text: found, start: at, end: at + found.length });
  while (at < text.length) {
    const passed = match(skipped);
    const word = passed === null ? match(identifier) : null;
    const number = passed === null && word === null ? match(numeral) : null;
    if (word !== null) take("identifier", word);
    else if (number !== null) take("number", number);
    else if (passed === null) take("operator", longOperators.find((operator) => text.startsWith(operator, at)) ?? text[at]!);
    at += (passed ?? word ?? number ?? tokens.at(-1)!.text).length;
  }
  return tokens;
}

const closers: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** Whether every bracket has its closer: what has not does not build, and nothing below copes with it. */
export function isBalanced(tokens: readonly Token[]): boolean {
  const expected: string[] = [];
  for (const { text } of tokens) {
    if (text in closers) expected.push(closers[text]!);
    else if (Object.values(closers).includes(text) && expected.pop() !== text) return false;
  }
  return expected.length === 0;
}

/** Index of the token that closes the bracket at `open`, in what is balanced. */
export function closingToken(tokens: readonly Token[], open: number): number {
  const opener = tokens[open]!.text;
  const closer = closers[opener]!;
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    if (tokens[index]!.text === opener) depth++;
    else if (tokens[index]!.text === closer && --depth === 0) return index;
  }
  return tokens.length - 1;
}

/** Token ranges (end exclusive) between the bracket at `open` and its closer, split at a separator outside inner brackets. */
export function splitTokens(tokens: readonly Token[], open: number, separator: "," | ";"): { from: number; to: number }[] {
  const close = closingToken(tokens, open);
  const parts: { from: number; to: number }[] = [];
  let from = open + 1;
  for (let index = open + 1; index < close; index++) {
    if (tokens[index]!.text in closers) index = closingToken(tokens, index);
    else if (tokens[index]!.text === separator) {
      parts.push({ from, to: index });
      from = index + 1;
    }
  }
  parts.push({ from, to: close });
  return parts;
}
