import { closingToken, isBalanced, splitTokens, type Token, tokensOf } from "./c-tokens.js";

export const mutationRules = ["operator", "constant", "index", "bound", "function", "operand", "statement"] as const;
export type MutationRule = (typeof mutationRules)[number];

/** One change to one place of a C source, as its author could have made it by mistake. */
export interface Mutation {
  rule: MutationRule;
  /** Place in the text, and what stands there before and after. */
  start: number;
  before: string;
  after: string;
}

/** What the generator must know of a spec to tell operands from other names. */
export interface SourceNames {
  sizes: string[];
  scalars: string[];
  /** Input buffers, by whatever entry. */
  inputs: string[];
}

const swaps: Record<string, string[]> = {
  "+": ["-", "*"],
  "-": ["+"],
  "*": ["/", "+"],
  "/": ["*"],
  "%": ["/"],
  "+=": ["-=", "="],
  "-=": ["+="],
  "*=": ["/=", "="],
  "/=": ["*="],
  "<": ["<="],
  "<=": ["<"],
  ">": [">=", "<"],
  ">=": [">", "<="],
  "==": ["!="],
  "!=": ["=="],
  "&&": ["||"],
  "||": ["&&"],
};
const types = new Set(
  "STORE ACC void char short int long float double size_t int32_t int64_t uint32_t uint64_t const static inline".split(" "),
);
const keywords = new Set("if else for while do return switch case break continue sizeof goto default".split(" "));
const functions = new Set("EXP LOG SQRT TANH ERF SIN COS POW".split(" "));
const sums: Record<string, number[]> = { SUM: [2], SUMS: [3, 5] };
const assignments = new Set(["=", "+=", "-=", "*=", "/="]);

/** Every mutation of a source that is written over forge.h, in the order of their places. */
export function mutationsOf(text: string, names: SourceNames): Mutation[] {
  const tokens = tokensOf(text);
  if (!isBalanced(tokens)) return [];
  const slice = (from: number, to: number) => text.slice(tokens[from]!.start, tokens[to - 1]!.end);
  const change = (rule: MutationRule, from: number, to: number, after: string): Mutation => ({
    rule,
    start: tokens[from]!.start,
    before: slice(from, to),
    after,
  });
  const steps = stepsOfLoops(tokens);
  const found: Mutation[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (!isCode(tokens, index)) continue;
    if (token.kind === "number") found.push(...constants(token).map((after) => change("constant", index, index + 1, after)));
    else if (token.kind === "operator" && !steps.has(index)) {
      if (isBinary(tokens, index)) found.push(...(swaps[token.text] ?? []).map((after) => change("operator", index, index + 1, after)));
      else if (token.text === "-") found.push(change("operator", index, index + 1, ""));
      if (token.text === "[") found.push(...indices(tokens, index, slice, change));
    } else if (token.kind === "identifier" && !steps.has(index)) found.push(...wordMutations(tokens, index, names, slice, change));
  }
  return [...found, ...deletions(tokens, steps, change)].sort((a, b) => a.start - b.start);
}

type Slice = (from: number, to: number) => string;
type Change = (rule: MutationRule, from: number, to: number, after: string) => Mutation;

function constants({ text }: Token): string[] {
  if (/^0[xX]/.test(text)) return [`(${text} + 1)`];
  const [, digits, suffix] = /^(.*?)([uUlLfF]*)$/.exec(text)!;
  if (/[.eE]/.test(digits!)) return [`(${text} * (ACC)1.001)`, `(-${text})`];
  const value = Number(digits);
  return value === 0 ? [`1${suffix}`] : [`${value + 1}${suffix}`, `${value - 1}${suffix}`];
}

/** An index one too far and one too near. */
function indices(tokens: readonly Token[], open: number, slice: Slice, change: Change): Mutation[] {
  const close = closingToken(tokens, open);
  if (close === open + 1) return [];
  return ["+", "-"].map((sign) => change("index", open + 1, close, `(${slice(open + 1, close)}) ${sign} 1`));
}

function wordMutations(tokens: readonly Token[], index: number, names: SourceNames, slice: Slice, change: Change): Mutation[] {
  const { text } = tokens[index]!;
  const next = tokens[index + 1]?.text;
  if (text === "for" && next === "(") {
    const condition = splitTokens(tokens, index + 1, ";")[1];
    const comparison = condition && findComparison(tokens, condition.from, condition.to);
    if (!comparison) return [];
    const bound = slice(comparison + 1, condition.to);
    return [change("bound", comparison + 1, condition.to, `(${bound}) - 1`)];
  }
  if (text in sums && next === "(") {
    const parts = splitTokens(tokens, index + 1, ",");
    return sums[text]!.flatMap((position) => {
      const part = parts[position];
      if (!part || part.from === part.to) return [];
      return ["-", "+"].map((sign) => change("bound", part.from, part.to, `(${slice(part.from, part.to)}) ${sign} 1`));
    });
  }
  if (functions.has(text) && next === "(") {
    const [first] = splitTokens(tokens, index + 1, ",");
    return [change("function", index, closingToken(tokens, index + 1) + 1, `(${slice(first!.from, first!.to)})`)];
  }
  if (text === "load" && next === "(") return [change("operand", index, closingToken(tokens, index + 1) + 1, "((ACC)1)")];
  if (names.inputs.includes(text) && next === "[" && !isLoaded(tokens, index)) {
    const end = closingToken(tokens, index + 1) + 1;
    return assignments.has(tokens[end]?.text ?? "") ? [] : [change("operand", index, end, "1")];
  }
  if (names.scalars.includes(text)) return [change("operand", index, index + 1, "0")];
  // Another size in its place: a wrong stride or a wrong mean. One that this entry does not have gives what does not build, which is not counted.
  if (names.sizes.includes(text)) return names.sizes.filter((size) => size !== text).map((size) => change("index", index, index + 1, size));
  return [];
}

/** Inside of load(...), which is an operand as a whole. */
const isLoaded = (tokens: readonly Token[], index: number) => tokens[index - 1]?.text === "(" && tokens[index - 2]?.text === "load";

function findComparison(tokens: readonly Token[], from: number, to: number): number | null {
  for (let index = from; index < to; index++) if (["<", "<=", ">", ">="].includes(tokens[index]!.text)) return index;
  return null;
}

/** What ends a round of a loop: changed, it would run for ever. */
function stepsOfLoops(tokens: readonly Token[]): Set<number> {
  const steps = new Set<number>();
  tokens.forEach((token, index) => {
    if (token.text !== "for" || tokens[index + 1]?.text !== "(") return;
    const step = splitTokens(tokens, index + 1, ";")[2];
    for (let at = step?.from ?? 0; at < (step?.to ?? 0); at++) steps.add(at);
  });
  return steps;
}

/** Whether the operator at `index` stands between two values: not a pointer's star, not a sign. */
function isBinary(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1];
  if (before === undefined || before.text === "return") return false;
  if (before.text === ")") return !isCast(tokens, index - 1);
  if (before.kind === "operator") return before.text === "]";
  return !types.has(before.text) && !keywords.has(before.text);
}

/** `(ACC)` and the like. */
const isCast = (tokens: readonly Token[], close: number) => types.has(tokens[close - 1]?.text ?? "") && tokens[close - 2]?.text === "(";

/** In a body, in an initialiser or in a macro's text; not in the head of a function, where stars and commas mean types. */
function isCode(tokens: readonly Token[], index: number): boolean {
  if (depths(tokens)[index]! > 0) return true;
  for (let at = index - 1; at >= 0 && ![";", "}", "{"].includes(tokens[at]!.text); at--) if (tokens[at]!.text === "=") return true;
  return tokens[index]!.kind === "number";
}

const knownDepths = new WeakMap<readonly Token[], number[]>();
/** Braces around each token. */
function depths(tokens: readonly Token[]): number[] {
  let result = knownDepths.get(tokens);
  if (!result) {
    let depth = 0;
    result = tokens.map(({ text }) => (text === "{" ? ++depth : text === "}" ? depth-- : depth));
    knownDepths.set(tokens, result);
  }
  return result;
}

/** Every assignment that is a statement of its own, left out. */
function deletions(tokens: readonly Token[], steps: ReadonlySet<number>, change: Change): Mutation[] {
  const found: Mutation[] = [];
  for (let index = 1; index < tokens.length; index++) {
    const token = tokens[index]!;
    const starts = [";", "{", "}", ")", "else"].includes(tokens[index - 1]!.text) && token.kind === "identifier";
    if (!starts || steps.has(index) || depths(tokens)[index] === 0 || types.has(token.text) || keywords.has(token.text)) continue;
    let end = index;
    while (end < tokens.length && tokens[end]!.text !== ";")
      end = "([{".includes(tokens[end]!.text) ? closingToken(tokens, end) + 1 : end + 1;
    const isAssignment = tokens.slice(index, end).some(({ text }, at) => assignments.has(text) && at > 0);
    if (isAssignment && end < tokens.length) found.push(change("statement", index, end, ""));
  }
  return found;
}

/** The text with a mutation made. */
export function applyMutation(text: string, { start, before, after }: Mutation): string {
  return text.slice(0, start) + after + text.slice(start + before.length);
}
